// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/watched_metric.hpp"

#include <limits>
#include <optional>
#include <stdexcept>

#include "hone/callbacks/events.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

TEST_CASE("value_of_epoch returns the value of the current epoch, and throws for an unknown metric") {
  hone::RunDriver driver;
  auto& run = driver.run;
  CHECK_THROWS_WITH(hone::detail::value_of_epoch(run, "x", "Mine::watch_metric"),
                    "Mine::watch_metric is `x`, which is not recorded. Recorded metrics: none. Watch one of them, put "
                    "the callback that records it before this one, or pass an evaluation dataset to the run.");
  run.history().record("x", 0.5, hone::Phase::eval);
  CHECK(hone::detail::value_of_epoch(run, "x", "") == 0.5);
  run.history().increment_epoch();
  CHECK_FALSE(hone::detail::value_of_epoch(run, "x", ""));
  CHECK_THROWS_WITH(hone::detail::value_of_epoch(run, "y", "a"), Catch::Contains("Recorded metrics: `x`"));
  run.request_stop("enough");
  CHECK_FALSE(hone::detail::value_of_epoch(run, "y", "a"));
}

TEST_CASE("is_better compares with the best value, and is false for NaN") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(hone::detail::is_better(1.0, std::nullopt, false));
  CHECK_FALSE(hone::detail::is_better(nan, std::nullopt, false));
  CHECK(hone::detail::is_better(0.0, 1.0, false));
  CHECK_FALSE(hone::detail::is_better(1.0, 1.0, false));
  CHECK(hone::detail::is_better(2.0, 1.0, true));
  CHECK_FALSE(hone::detail::is_better(nan, 1.0, true));
}

TEST_CASE("value_of_epoch does not throw for an unknown metric before the first evaluation is due") {
  hone::RunDriver driver;
  driver.config().evaluate_every_n_epochs = 2;
  CHECK(hone::detail::value_of_epoch(driver.run, "x", "Mine::watch_metric") == std::nullopt);
  driver.end_epoch();
  CHECK_THROWS_AS(hone::detail::value_of_epoch(driver.run, "x", "Mine::watch_metric"), std::invalid_argument);
}

TEST_CASE("require_capturable throws for a metric of evaluations if the run has no evaluation dataset") {
  hone::RunDriver driver;
  const auto check = [&](std::string_view metric) {
    hone::detail::require_capturable(driver.run, metric, "Mine::watch_metric");
  };
  CHECK_NOTHROW(check("eval_loss_epoch"));
  driver.config().has_evaluation = false;
  CHECK_THROWS_WITH(
      check("eval_loss_epoch"),
      "Mine::watch_metric is `eval_loss_epoch`, which only evaluations record, but the run has no evaluation dataset. "
      "Pass one with train(train_set, eval_set), or watch a training metric such as `train_loss_epoch`.");
  CHECK_THROWS_AS(check("eval_accuracy_epoch"), std::invalid_argument);
  CHECK_THROWS_AS(check("intermediate_eval_loss"), std::invalid_argument);
  CHECK_NOTHROW(check("train_loss_epoch"));
  CHECK_NOTHROW(check("train_accuracy_epoch"));
  CHECK_NOTHROW(check("mine"));
}

TEST_CASE("a metric of evaluations within epochs can be unknown until the first such evaluation or the last epoch") {
  using hone::detail::value_of_epoch;
  hone::RunDriver driver;
  driver.config().num_epochs = 3;
  const auto ask = [&] { return value_of_epoch(driver.run, "intermediate_eval_accuracy", "Mine::watch_metric"); };
  CHECK(ask() == std::nullopt);
  CHECK_THROWS_AS(value_of_epoch(driver.run, "accuracy", "Mine::watch_metric"), std::invalid_argument);
  driver.end_epoch();
  CHECK(ask() == std::nullopt);
  driver.end_epoch();
  CHECK_THROWS_WITH(ask(), Catch::Contains("is `intermediate_eval_accuracy`, which is not recorded"));

  hone::RunDriver other;
  other.config().num_epochs = 3;
  other.run.history().record("intermediate_eval_loss", 1.0, hone::Phase::intermediate_eval);
  CHECK_THROWS_WITH(value_of_epoch(other.run, "intermediate_eval_accuracy", "Mine::watch_metric"),
                    Catch::Contains("Recorded metrics: `intermediate_eval_loss`"));
}

TEST_CASE("among the callbacks of an average, a metric of evaluations has the prefix of the average") {
  hone::RunDriver driver;
  const hone::EventContext<hone::TrainingRunEpochEnd> plain{{driver.run}};
  const auto averaged = with_facet(plain, hone::WithAverage{true, "ema_model_"});
  using hone::detail::watched_name;
  CHECK(watched_name(plain, "eval_loss_epoch") == "eval_loss_epoch");
  CHECK(watched_name(averaged, "eval_loss_epoch") == "ema_model_eval_loss_epoch");
  CHECK(watched_name(averaged, "intermediate_eval_loss") == "ema_model_intermediate_eval_loss");
  CHECK(watched_name(averaged, "ema_model_eval_loss_epoch") == "ema_model_eval_loss_epoch");
  CHECK(watched_name(averaged, "train_loss_epoch") == "train_loss_epoch");
  driver.run.history().set_metric_name_prefix("fold_1_");
  CHECK(watched_name(averaged, "fold_1_eval_loss_epoch") == "fold_1_ema_model_eval_loss_epoch");
  CHECK(watched_name(plain, "fold_1_eval_loss_epoch") == "fold_1_eval_loss_epoch");
}
