// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/stop_on_request.hpp"

#include <stop_token>
#include <thread>
#include <type_traits>
#include <vector>

#include "hone/callbacks/callback_set.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

using namespace hone;

namespace {

static_assert(std::is_aggregate_v<StopOnRequest>);
static_assert(checked_callback<StopOnRequest>);

using Set = CallbackSet<StopOnRequest>;

}  // namespace

TEST_CASE("StopOnRequest stops the run at the next step after a request from another thread") {
  RunDriver driver;
  std::stop_source stop;
  Set set{StopOnRequest{.token = stop.get_token(), .reason = "the window was closed"}};
  set.notify(TrainingRunStart{{driver.run}});
  set.notify(TrainLoss{{driver.run}});
  set.notify(TrainStepEnd{{driver.run}});
  CHECK(!driver.run.stop_requested());
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([source = stop]() mutable { source.request_stop(); });
  for (auto& thread : threads) thread.join();
  CHECK(!driver.run.stop_requested());
  SECTION("at a loss") { set.notify(TrainLoss{{driver.run}}); }
  SECTION("at the end of a step") { set.notify(TrainStepEnd{{driver.run}}); }
  SECTION("in an evaluation") { set.notify(EvalStepEnd{{driver.run}}); }
  SECTION("in a prediction") { set.notify(PredictStepEnd{{driver.run}}); }
  CHECK(driver.run.stop_requested());
  CHECK(!driver.stops_before_update());
  CHECK(driver.run.stop_reason() == "the window was closed");
}

TEST_CASE("a request before a run stops it at its start") {
  RunDriver driver;
  std::stop_source stop;
  Set set{StopOnRequest{.token = stop.get_token()}};
  stop.request_stop();
  SECTION("of training") { set.notify(TrainingRunStart{{driver.run}}); }
  SECTION("of an evaluation") { set.notify(EvaluationRunStart{{driver.run}}); }
  SECTION("of a prediction") { set.notify(PredictRunStart{{driver.run}}); }
  CHECK(driver.run.stop_requested());
  CHECK(driver.run.stop_reason() == "A stop was requested");
}

TEST_CASE("StopOnRequest throws std::invalid_argument when a run starts with a token of no source") {
  RunDriver driver;
  Set set{StopOnRequest{}};
  CHECK_THROWS_AS(set.notify(TrainingRunStart{{driver.run}}), std::invalid_argument);
  CHECK_THROWS_AS(set.notify(EvaluationRunStart{{driver.run}}), std::invalid_argument);
  CHECK_THROWS_AS(set.notify(PredictRunStart{{driver.run}}), std::invalid_argument);
}
