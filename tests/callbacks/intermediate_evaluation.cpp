// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/intermediate_evaluation.hpp"

#include <string>
#include <type_traits>
#include <vector>

#include "hone/callbacks/callback_set.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

using namespace hone;

static_assert(std::is_aggregate_v<IntermediateEvaluation> && checked_callback<IntermediateEvaluation>);

namespace {

/// Returns the batches, counted from 1, after which an evaluation ran; each update has 2 batches.
std::vector<int> evaluated_after(IntermediateEvaluation settings, int batches) {
  CallbackSet set{settings};
  RunDriver driver;
  std::vector<int> evaluated;
  set.notify(TrainingRunStart{{driver.run}});
  set.notify(TrainEpochStart{{driver.run}});
  for (int batch = 1; batch <= batches; ++batch) {
    if (batch % 2 == 0) {
      driver.set_num_updates(batch / 2);
      set.notify(OptimizerStep{{driver.run}});
    }
    const auto evaluate = [&](std::string_view metric) {
      CHECK(metric == "intermediate_eval_loss");
      evaluated.push_back(batch);
    };
    set.notify(EventContext<TrainStepEnd, WithEvaluation<decltype(evaluate)>>{{{driver.run}}, {evaluate}});
  }
  return evaluated;
}

}  // namespace

TEST_CASE("IntermediateEvaluation evaluates once after every n-th update, at the end of its last batch") {
  CHECK(evaluated_after({.every_n_updates = 1}, 6) == std::vector<int>{2, 4, 6});
  CHECK(evaluated_after({.every_n_updates = 2}, 9) == std::vector<int>{4, 8});
  CHECK(evaluated_after({.every_n_updates = 5}, 9).empty());
}

TEST_CASE("an evaluation due at the end of an epoch is dropped when the next epoch starts") {
  CallbackSet set{IntermediateEvaluation{.every_n_updates = 1}};
  RunDriver driver;
  driver.set_num_updates(1);
  set.notify(OptimizerStep{{driver.run}});
  set.notify(TrainEpochStart{{driver.run}});
  CHECK(!set.get<IntermediateEvaluation>().state.is_due);
}

TEST_CASE("IntermediateEvaluation throws std::invalid_argument if every_n_updates is less than 1") {
  CallbackSet set{IntermediateEvaluation{.every_n_updates = 0}};
  RunDriver driver;
  try {
    set.notify(TrainingRunStart{{driver.run}});
    FAIL("accepted");
  } catch (const std::invalid_argument& error) {
    CHECK(std::string(error.what()) == "IntermediateEvaluation::every_n_updates is 0. Set it to 1 or greater.");
  }
}
