// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/early_stopping.hpp"

#include <cmath>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "hone/callbacks/callback_set.hpp"
#include "hone/callbacks/filters.hpp"
#include "support/captured.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

using namespace hone;

namespace {

static_assert(std::is_aggregate_v<EarlyStopping>);
static_assert(checked_callback<EarlyStopping>);

using Set = CallbackSet<EarlyStopping>;

/// Returns the epoch after which the run was stopped, or 0 if it was not.
int stopped_after(Set& set, const std::vector<double>& values, const char* metric = "eval_loss_epoch") {
  RunDriver driver;
  set.notify(TrainingRunStart{{driver.run}});
  int epoch = 0;
  for (const double value : values) {
    ++epoch;
    driver.run.history().record(metric, value, Phase::eval);
    set.notify(TrainingRunEpochEnd{{driver.run}});
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

constexpr int not_asked = -1;

/// Settings, and for each series the number of values after which they end the run, or 0.
struct Row {
  bool greater_is_better;
  int patience;
  double min_delta;
  bool check_finite;
  bool relative;
  std::optional<double> stopping_threshold;
  std::optional<double> divergence_threshold;
  int stops[9];
};

// Decisions of TorchTNT's EarlyStopChecker, printed by reference.py.
const double series[][7] = {
    {4.0, 2.0, 1.0, 1.0, 1.0, 1.0, 0.5},                    // falls, then stays
    {8.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.125},                 // falls by halves
    {4.0, 3.75, 3.5, 3.25, 3.0, 2.75, 2.5},                 // falls slowly
    {0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0},                  // rises
    {2.0, 2.125, 2.25, 2.375, 2.5, 2.625, 2.75},            // rises slowly
    {2.0, 4.0, 1.0, 4.0, 0.5, 4.0, 0.25},                   // swings
    {4.0, 2.0, no_number, 1.0, no_number, no_number, 0.5},  // NaN in the middle
    {4.0, 2.0, infinity, 1.0, -infinity, 1.0, 0.5},         // infinity in the middle
    {-1.0, -2.0, -2.0, -4.0, -4.0, -4.0, -3.0},             // below zero
};
const Row rows[] = {
    {false, 1, 0.0, true, false, std::nullopt, std::nullopt, {4, 0, 0, 2, 2, 2, 3, 3, 3}},
    {false, 2, 0.0, true, false, std::nullopt, std::nullopt, {5, 0, 0, 3, 3, 0, 3, 3, 6}},
    {false, 2, 0.25, true, false, std::nullopt, std::nullopt, {5, 0, 0, 3, 3, 7, 3, 3, 6}},
    {false, 1, 0.125, true, false, std::nullopt, std::nullopt, {4, 7, 0, 2, 2, 2, 3, 3, 3}},
    {false, 2, 0.5, true, true, std::nullopt, std::nullopt, {5, 0, 3, 3, 3, 3, 3, 3, not_asked}},
    {false, 3, 0.0625, true, true, std::nullopt, std::nullopt, {6, 0, 0, 4, 4, 0, 3, 3, not_asked}},
    {false, 3, 0.0, false, false, std::nullopt, std::nullopt, {6, 0, 0, 4, 4, 0, 0, 0, 7}},
    {false, 4, 0.0, true, false, 1.0, std::nullopt, {7, 5, 0, 1, 5, 5, 3, 3, 1}},
    {false, 4, 0.0, true, false, std::nullopt, 3.0, {1, 1, 1, 5, 5, 2, 1, 1, 0}},
    {false, 2, 0.25, true, false, 0.5, 4.0, {5, 1, 0, 1, 3, 7, 3, 3, 1}},
    {false, 4, 0.0, false, false, -3.0, 0.0, {1, 1, 1, 1, 1, 1, 1, 1, 4}},
    {true, 1, 0.0, true, false, std::nullopt, std::nullopt, {2, 2, 2, 0, 0, 3, 2, 2, 2}},
    {true, 2, 0.0, true, false, std::nullopt, std::nullopt, {3, 3, 3, 0, 0, 4, 3, 3, 3}},
    {true, 2, 0.25, true, false, std::nullopt, std::nullopt, {3, 3, 3, 0, 3, 4, 3, 3, 3}},
    {true, 1, 0.125, true, false, std::nullopt, std::nullopt, {2, 2, 2, 0, 2, 3, 2, 2, 2}},
    {true, 2, 0.5, true, true, std::nullopt, std::nullopt, {3, 3, 3, 0, 3, 4, 3, 3, not_asked}},
    {true, 3, 0.0625, true, true, std::nullopt, std::nullopt, {4, 4, 4, 0, 0, 5, 3, 3, not_asked}},
    {true, 3, 0.0, false, false, std::nullopt, std::nullopt, {4, 4, 4, 0, 0, 5, 4, 6, 4}},
    {true, 4, 0.0, true, false, 1.0, std::nullopt, {1, 1, 1, 4, 1, 1, 1, 1, 5}},
    {true, 4, 0.0, true, false, std::nullopt, 3.0, {2, 3, 5, 1, 1, 1, 2, 2, 1}},
    {true, 2, 0.25, true, false, 0.5, 4.0, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {true, 4, 0.0, false, false, -3.0, 0.0, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
};

}  // namespace

TEST_CASE("EarlyStopping stops after `patience` consecutive epochs without improvement") {
  CHECK(stopped_after({.patience = 1}, {1.0, 0.5, 0.6}) == 3);
  CHECK(stopped_after({.patience = 2}, {1.0, 1.1, 1.2, 0.1}) == 3);
  CHECK(stopped_after({.patience = 2}, {1.0, 1.1, 0.5, 0.6, 0.7}) == 5);
  CHECK(stopped_after({.patience = 3}, {1.0, 1.1, 1.2, 0.5}) == 0);
}

TEST_CASE("EarlyStopping with patience 0 stops after the first epoch") {
  CHECK(stopped_after({.patience = 0}, {1.0, 0.5}) == 1);
}

TEST_CASE("an improvement must be larger than min_delta") {
  CHECK(stopped_after({.min_delta = 0.25}, {1.0, 0.75}) == 2);
  CHECK(stopped_after({.min_delta = 0.25}, {1.0, 0.74}) == 0);
  // In doubles, 1 - 0.99 is larger than 0.01.
  CHECK(stopped_after({.min_delta = 0.01}, {1.0, 0.99}) == 0);
  CHECK(stopped_after({.min_delta = 0.01}, {1.0, 0.995}) == 2);
  CHECK(stopped_after({.min_delta = 0.0}, {1.0, 1.0}) == 2);
  CHECK(stopped_after({.min_delta = 0.0}, {1.0, 0.9999999}) == 0);
}

TEST_CASE("improvements smaller than min_delta accumulate against the best value") {
  CHECK(stopped_after({.patience = 3, .min_delta = 0.25}, {1.0, 0.9, 0.8, 0.7, 0.65, 0.64}) == 0);
}

TEST_CASE("EarlyStopping with greater_is_better stops if the metric does not increase") {
  CHECK(stopped_after({.greater_is_better = true}, {0.5, 0.6, 0.7}) == 0);
  CHECK(stopped_after({.greater_is_better = true}, {0.5, 0.6, 0.605}) == 3);
  CHECK(stopped_after({.greater_is_better = true}, {0.5, 0.4}) == 2);
}

TEST_CASE("NaN is never an improvement and never the best value") {
  CHECK(stopped_after({.patience = 1}, {1.0, no_number}) == 2);
  CHECK(stopped_after({.patience = 2}, {no_number, 5.0, 4.0, 3.0}) == 0);
  CHECK(stopped_after({.patience = 2}, {no_number, no_number}) == 2);
  CHECK(stopped_after({.patience = 1}, {no_number, 5.0}) == 1);
  CHECK(stopped_after({.patience = 1, .greater_is_better = true}, {1.0, no_number}) == 2);
}

TEST_CASE("a finite value improves on infinity") {
  CHECK(stopped_after({.patience = 1}, {infinity, 5.0}) == 0);
  CHECK(stopped_after({.patience = 1}, {infinity, infinity}) == 2);
}

TEST_CASE("the state is reset in the next run unless reset_on_train is false") {
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

TEST_CASE("an epoch without a value of the metric does not count towards the patience") {
  RunDriver driver;
  Set set{EarlyStopping{.patience = 1}};
  set.notify(TrainingRunStart{{driver.run}});
  driver.run.history().record("eval_loss_epoch", 1.0, Phase::eval);
  set.notify(TrainingRunEpochEnd{{driver.run}});
  driver.run.history().increment_epoch();
  set.notify(TrainingRunEpochEnd{{driver.run}});
  CHECK(!driver.run.stop_requested());
}

TEST_CASE("the stop reason of EarlyStopping contains the patience") {
  RunDriver driver;
  Set set{EarlyStopping{.patience = 0}};
  driver.run.history().record("eval_loss_epoch", 1.0, Phase::eval);
  set.notify(TrainingRunEpochEnd{{driver.run}});
  CHECK(driver.run.stop_reason() == "Stopping training due to no improvement after 0 epochs");
}

TEST_CASE("EarlyStopping throws std::invalid_argument for settings out of range and for an unknown metric") {
  CHECK(refusal({.patience = -1}, "eval_loss_epoch") == "EarlyStopping::patience is -1. Set it to 0 or greater.");
  CHECK(refusal({.min_delta = -0.5}, "eval_loss_epoch") == "EarlyStopping::min_delta is -0.5. Set it to 0 or greater.");
  CHECK(refusal({.min_delta = no_number}, "eval_loss_epoch") ==
        "EarlyStopping::min_delta is nan. Set it to 0 or greater.");
  CHECK(refusal({.stopping_threshold = no_number}, "eval_loss_epoch") ==
        "EarlyStopping::stopping_threshold is nan. Set it to a number, or remove it.");
  CHECK(refusal({.divergence_threshold = no_number}, "eval_loss_epoch") ==
        "EarlyStopping::divergence_threshold is nan. Set it to a number, or remove it.");
  CHECK(refusal({}, "train_loss_epoch") ==
        "EarlyStopping::watch_metric is `eval_loss_epoch`, which is not recorded. Recorded metrics: "
        "`train_loss_epoch`. Watch one of them, put the callback that records it before this one, or pass an "
        "evaluation dataset to the run.");
}

TEST_CASE("EarlyStopping with verbose prints each decision") {
  Captured output;
  Set set{EarlyStopping{.patience = 1, .verbose = true, .output = output.file()}};
  stopped_after(set, {1.0});
  CHECK(output.text().empty());
  stopped_after(set, {1.0, 0.5, 0.5});
  CHECK(output.text() ==
        "\nImprovement of 0.5 observed, resetting counter.\nEarly stopping counter: 0/1\n"
        "No improvement above threshold observed, incrementing counter.\nEarly stopping counter: 1/1\n");
}

TEST_CASE("EarlyStopping does not stop a fast_dev_run, but throws for an unknown metric") {
  RunDriver driver;
  driver.config().fast_dev_run = true;
  Set set{EarlyStopping{.patience = 0}};
  set.notify(TrainingRunStart{{driver.run}});
  driver.run.history().record("train_loss_epoch", 1.0, Phase::train);
  CHECK_THROWS_AS(set.notify(TrainingRunEpochEnd{{driver.run}}), std::invalid_argument);
  driver.run.history().record("eval_loss_epoch", std::nan(""), Phase::eval);
  set.notify(TrainingRunEpochEnd{{driver.run}});
  CHECK(!driver.run.stop_requested());
  CHECK(set.get<EarlyStopping>().state.waited == 0);
}

TEST_CASE("EarlyStopping matches TorchTNT's EarlyStopChecker") {
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < std::size(series); ++i) {
      if (row.stops[i] == not_asked) continue;
      const EarlyStopping settings{.patience = row.patience,
                                   .min_delta = row.min_delta,
                                   .threshold_mode = row.relative ? ThresholdMode::relative : ThresholdMode::absolute,
                                   .greater_is_better = row.greater_is_better,
                                   .check_finite = row.check_finite,
                                   .stopping_threshold = row.stopping_threshold,
                                   .divergence_threshold = row.divergence_threshold};
      CAPTURE(&row - rows, i);
      CHECK(stopped_after(settings, {std::begin(series[i]), std::end(series[i])}) == row.stops[i]);
    }
  }
}

TEST_CASE("a relative min_delta is a fraction of the magnitude of the best value, also if it is negative") {
  const EarlyStopping quarter{.min_delta = 0.25, .threshold_mode = ThresholdMode::relative};
  CHECK(stopped_after(quarter, {-4.0, -4.5}) == 2);
  CHECK(stopped_after(quarter, {-4.0, -3.5}) == 2);
  CHECK(stopped_after(quarter, {-4.0, -5.5, -7.0}) == 0);
  CHECK(stopped_after(quarter, {infinity, 5.0}) == 0);
}

TEST_CASE("any improvement on 0 exceeds a relative min_delta") {
  const EarlyStopping quarter{.min_delta = 0.25, .threshold_mode = ThresholdMode::relative};
  CHECK(stopped_after(quarter, {0.0, -1e-9, -1.0}) == 0);
  CHECK(stopped_after(quarter, {0.0, 0.0}) == 2);
}

TEST_CASE("NaN exceeds neither the stopping nor the divergence threshold") {
  const EarlyStopping both{.patience = 9, .stopping_threshold = 0.1, .divergence_threshold = 9.0};
  CHECK(stopped_after(both, {no_number, no_number}) == 0);
}

TEST_CASE("each kind of stop has its own reason: not finite, stopping threshold, divergence threshold, patience") {
  EarlyStopping all{.patience = 2,
                    .watch_metric = "loss",
                    .check_finite = true,
                    .stopping_threshold = 0.5,
                    .divergence_threshold = 4.0};
  CHECK(all.observe(no_number) == "Stopping training because `loss` is nan");
  CHECK(all.observe(-infinity) == "Stopping training because `loss` is -inf");
  CHECK(all.observe(0.25) == "Stopping training because `loss` is 0.25, better than the stopping threshold 0.5");
  CHECK(all.observe(8.0) == "Stopping training because `loss` is 8, worse than the divergence threshold 4");
  CHECK(!all.state.best);
  CHECK(all.observe(1.0) == std::nullopt);
  CHECK(all.observe(1.0) == std::nullopt);
  CHECK(all.observe(1.0) == "Stopping training due to no improvement after 2 epochs");

  all.check_finite = false;
  CHECK(all.observe(-infinity) == "Stopping training because `loss` is -inf, better than the stopping threshold 0.5");
}

TEST_CASE("a value equal to a threshold does not stop the run") {
  CHECK(stopped_after({.stopping_threshold = 1.0, .divergence_threshold = 2.0}, {2.0, 1.0}) == 0);
  CHECK(stopped_after({.greater_is_better = true, .stopping_threshold = 2.0, .divergence_threshold = 1.0},
                      {1.0, 2.0}) == 0);
}

TEST_CASE("EarlyStopping in every_epochs observes each n-th epoch only") {
  RunDriver driver;
  CallbackSet set{every_epochs<2>(EarlyStopping{.patience = 1})};
  set.notify(TrainingRunStart{{driver.run}});
  std::vector<bool> stops;
  for (const double value : {9.0, 4.0, 5.0, 3.0, 2.0, 3.0}) {
    driver.run.history().record("eval_loss_epoch", value, Phase::eval);
    set.notify(TrainingRunEpochEnd{{driver.run}});
    stops.push_back(driver.run.stop_requested());
    driver.run.history().increment_epoch();
  }
  CHECK(stops == std::vector<bool>{false, false, false, false, false, true});
}

TEST_CASE("EarlyStopping among the callbacks of an average goes by the metric of the averaged weights") {
  RunDriver driver;
  EarlyStopping callback{.patience = 1, .divergence_threshold = 10.0};
  driver.run.history().record("eval_loss_epoch", 1.0, Phase::eval);
  driver.run.history().record("ema_model_eval_loss_epoch", 11.0, Phase::eval);
  callback.on_training_run_epoch_end(
      with_facet(EventContext<TrainingRunEpochEnd>{{driver.run}}, WithAverage{true, "ema_model_"}));
  CHECK(driver.run.stop_reason() ==
        "Stopping training because `ema_model_eval_loss_epoch` is 11, worse than the divergence threshold 10");
}
