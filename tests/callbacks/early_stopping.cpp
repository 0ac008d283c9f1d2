// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/early_stopping.hpp"

#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

#include "hone/callbacks/callback_set.hpp"
#include "support/captured.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

using namespace hone;

namespace {

static_assert(std::is_aggregate_v<EarlyStopping>);
static_assert(checked_callback<EarlyStopping>);

using Set = CallbackSet<EarlyStopping>;

/// The epoch after which the run was stopped; 0 when it was not.
int stopped_after(Set& set, const std::vector<double>& values, const char* metric = "eval_loss_epoch") {
  RunDriver driver;
  set.tell(TrainingRunStart{{driver.run}});
  int epoch = 0;
  for (const double value : values) {
    ++epoch;
    driver.run.history().record(metric, value, Phase::eval);
    set.tell(TrainingRunEpochEnd{{driver.run}});
    if (driver.run.stop_requested()) return epoch;
    driver.run.history().increment_epoch();
  }
  return 0;
}
int stopped_after(EarlyStopping settings, const std::vector<double>& values) {
  Set set{std::move(settings)};
  return stopped_after(set, values);
}

std::string refusal(EarlyStopping settings, const char* recorded) {
  Set set{std::move(settings)};
  try {
    stopped_after(set, {1.0}, recorded);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

const double no_number = std::nan("");
const double infinity = HUGE_VAL;

}  // namespace

TEST_CASE("a run ends after so many epochs in a row without improvement") {
  CHECK(stopped_after({.patience = 1}, {1.0, 0.5, 0.6}) == 3);
  CHECK(stopped_after({.patience = 2}, {1.0, 1.1, 1.2, 0.1}) == 3);
  CHECK(stopped_after({.patience = 2}, {1.0, 1.1, 0.5, 0.6, 0.7}) == 5);
  CHECK(stopped_after({.patience = 3}, {1.0, 1.1, 1.2, 0.5}) == 0);
}

TEST_CASE("patience 0 ends the run after its first epoch") { CHECK(stopped_after({.patience = 0}, {1.0, 0.5}) == 1); }

TEST_CASE("an improvement is better by more than min_delta") {
  CHECK(stopped_after({.min_delta = 0.25}, {1.0, 0.75}) == 2);
  CHECK(stopped_after({.min_delta = 0.25}, {1.0, 0.74}) == 0);
  // In doubles, 1 - 0.99 is larger than 0.01.
  CHECK(stopped_after({.min_delta = 0.01}, {1.0, 0.99}) == 0);
  CHECK(stopped_after({.min_delta = 0.01}, {1.0, 0.995}) == 2);
  CHECK(stopped_after({.min_delta = 0.0}, {1.0, 1.0}) == 2);
  CHECK(stopped_after({.min_delta = 0.0}, {1.0, 0.9999999}) == 0);
}

TEST_CASE("small steps add up to an improvement") {
  CHECK(stopped_after({.patience = 3, .min_delta = 0.25}, {1.0, 0.9, 0.8, 0.7, 0.65, 0.64}) == 0);
}

TEST_CASE("greater may be better") {
  CHECK(stopped_after({.greater_is_better = true}, {0.5, 0.6, 0.7}) == 0);
  CHECK(stopped_after({.greater_is_better = true}, {0.5, 0.6, 0.605}) == 3);
  CHECK(stopped_after({.greater_is_better = true}, {0.5, 0.4}) == 2);
}

TEST_CASE("NaN never improves and never becomes the value to beat") {
  CHECK(stopped_after({.patience = 1}, {1.0, no_number}) == 2);
  CHECK(stopped_after({.patience = 2}, {no_number, 5.0, 4.0, 3.0}) == 0);
  CHECK(stopped_after({.patience = 2}, {no_number, no_number}) == 2);
  CHECK(stopped_after({.patience = 1}, {no_number, 5.0}) == 1);
  CHECK(stopped_after({.patience = 1, .greater_is_better = true}, {1.0, no_number}) == 2);
}

TEST_CASE("infinity can be improved on") {
  CHECK(stopped_after({.patience = 1}, {infinity, 5.0}) == 0);
  CHECK(stopped_after({.patience = 1}, {infinity, infinity}) == 2);
}

TEST_CASE("the next run starts afresh unless told otherwise") {
  Set fresh{EarlyStopping{.patience = 2}};
  CHECK(stopped_after(fresh, {1.0, 1.0}) == 0);
  CHECK(stopped_after(fresh, {2.0, 2.0}) == 0);

  Set continued{EarlyStopping{.patience = 2, .reset_on_train = false}};
  CHECK(stopped_after(continued, {1.0, 1.0}) == 0);
  CHECK(stopped_after(continued, {2.0}) == 1);
  Set better{EarlyStopping{.patience = 2, .reset_on_train = false}};
  CHECK(stopped_after(better, {1.0, 1.0}) == 0);
  CHECK(stopped_after(better, {0.5, 0.6}) == 0);
}

TEST_CASE("an epoch without a value of the metric does not count") {
  RunDriver driver;
  Set set{EarlyStopping{.patience = 1}};
  set.tell(TrainingRunStart{{driver.run}});
  driver.run.history().record("eval_loss_epoch", 1.0, Phase::eval);
  set.tell(TrainingRunEpochEnd{{driver.run}});
  driver.run.history().increment_epoch();
  set.tell(TrainingRunEpochEnd{{driver.run}});
  CHECK(!driver.run.stop_requested());
}

TEST_CASE("the reason names the patience") {
  RunDriver driver;
  Set set{EarlyStopping{.patience = 0}};
  driver.run.history().record("eval_loss_epoch", 1.0, Phase::eval);
  set.tell(TrainingRunEpochEnd{{driver.run}});
  CHECK(driver.run.stop_reason() == "Stopping training due to no improvement after 0 epochs");
}

TEST_CASE("settings out of range and a metric that nothing records are refused with a remedy") {
  CHECK(refusal({.patience = -1}, "eval_loss_epoch") == "EarlyStopping::patience is -1. Give 0 or more epochs.");
  CHECK(refusal({.min_delta = -0.5}, "eval_loss_epoch") == "EarlyStopping::min_delta is -0.5. Give 0 or more.");
  CHECK(refusal({.min_delta = no_number}, "eval_loss_epoch") == "EarlyStopping::min_delta is nan. Give 0 or more.");
  CHECK(refusal({}, "train_loss_epoch") ==
        "EarlyStopping::watch_metric is `eval_loss_epoch`, which nothing has recorded; recorded are: "
        "`train_loss_epoch`. Watch one of those, or give the run an evaluation dataset.");
}

TEST_CASE("it speaks when asked to, in the process that prints") {
  Captured output;
  Set set{EarlyStopping{.patience = 1, .verbose = true, .output = output.file()}};
  stopped_after(set, {1.0});
  CHECK(output.text().empty());
  stopped_after(set, {1.0, 0.5, 0.5});
  CHECK(output.text() ==
        "\nImprovement of 0.5 observed, resetting counter.\nEarly stopping counter: 0/1\n"
        "No improvement above threshold observed, incrementing counter.\nEarly stopping counter: 1/1\n");
}

TEST_CASE("a fast development run is not ended, and a metric that nobody records is refused all the same") {
  RunDriver driver;
  driver.config().fast_dev_run = true;
  Set set{EarlyStopping{.patience = 0}};
  set.tell(TrainingRunStart{{driver.run}});
  driver.run.history().record("train_loss_epoch", 1.0, Phase::train);
  CHECK_THROWS_AS(set.tell(TrainingRunEpochEnd{{driver.run}}), std::invalid_argument);
  driver.run.history().record("eval_loss_epoch", std::nan(""), Phase::eval);
  set.tell(TrainingRunEpochEnd{{driver.run}});
  CHECK(!driver.run.stop_requested());
  CHECK(set.get<EarlyStopping>().state.waited == 0);
}
