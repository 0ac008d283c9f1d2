// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/watched_metric.hpp"

#include <limits>

#include "support/catch.hpp"
#include "support/run_driver.hpp"

TEST_CASE("the value of the epoch at hand") {
  hone::RunDriver driver;
  auto& run = driver.run;
  CHECK_THROWS_WITH(hone::detail::value_of_epoch(run, "x", "Mine::watch_metric"),
                    "Mine::watch_metric is `x`, which nothing has recorded; recorded are: none. Watch one of those, or "
                    "give the run an evaluation dataset.");
  run.history().record("x", 0.5, hone::Phase::eval);
  CHECK(hone::detail::value_of_epoch(run, "x", "") == 0.5);
  run.history().increment_epoch();
  CHECK_FALSE(hone::detail::value_of_epoch(run, "x", ""));
  CHECK_THROWS_WITH(hone::detail::value_of_epoch(run, "y", "a"), Catch::Contains("recorded are: `x`"));
  run.request_stop("enough");
  CHECK_FALSE(hone::detail::value_of_epoch(run, "y", "a"));
}

TEST_CASE("better than the best") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(hone::detail::is_better(1.0, std::nullopt, false));
  CHECK_FALSE(hone::detail::is_better(nan, std::nullopt, false));
  CHECK(hone::detail::is_better(0.0, 1.0, false));
  CHECK_FALSE(hone::detail::is_better(1.0, 1.0, false));
  CHECK(hone::detail::is_better(2.0, 1.0, true));
  CHECK_FALSE(hone::detail::is_better(nan, 1.0, true));
}

TEST_CASE("before the first evaluation is due, a metric may be unknown") {
  hone::RunDriver driver;
  driver.config().evaluate_every_n_epochs = 2;
  CHECK(hone::detail::value_of_epoch(driver.run, "x", "Mine::watch_metric") == std::nullopt);
  driver.end_epoch();
  CHECK_THROWS_AS(hone::detail::value_of_epoch(driver.run, "x", "Mine::watch_metric"), std::invalid_argument);
}

TEST_CASE("a metric of evaluations is refused when a run without evaluation data starts") {
  hone::RunDriver driver;
  const auto check = [&](std::string_view metric) {
    hone::detail::require_recordable(driver.run, metric, "Mine::watch_metric");
  };
  CHECK_NOTHROW(check("eval_loss_epoch"));
  driver.config().has_evaluation = false;
  CHECK_THROWS_WITH(check("eval_loss_epoch"),
                    "Mine::watch_metric is `eval_loss_epoch`, which evaluations record, and the run has no evaluation "
                    "dataset. Give it one with train(train_set, eval_set), or watch a metric of training such as "
                    "`train_loss_epoch`.");
  CHECK_THROWS_AS(check("eval_accuracy_epoch"), std::invalid_argument);
  CHECK_THROWS_AS(check("intermediate_eval_loss"), std::invalid_argument);
  CHECK_NOTHROW(check("train_loss_epoch"));
  CHECK_NOTHROW(check("train_accuracy_epoch"));
  CHECK_NOTHROW(check("mine"));
}
