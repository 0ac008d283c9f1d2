// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/terminate_on_nan.hpp"

#include <cmath>
#include <type_traits>

#include "hone/callbacks/callback_set.hpp"
#include "support/catch.hpp"
#include "support/fake_step.hpp"
#include "support/run_driver.hpp"

using namespace hone;

namespace {

static_assert(std::is_aggregate_v<TerminateOnNaN>);
static_assert(checked_callback<TerminateOnNaN>);

using Set = CallbackSet<TerminateOnNaN>;

FakeOutput with_loss(double loss) { return {{loss}, 1}; }

}  // namespace

TEST_CASE("TerminateOnNaN stops the run before the update if the loss is not finite") {
  const double loss = GENERATE(std::nan(""), -std::nan(""), HUGE_VAL, -HUGE_VAL);
  RunDriver driver;
  Set set{TerminateOnNaN{}};
  set.notify(TrainingRunStart{{driver.run}});
  tell_step<TrainLoss>(set, driver.run, with_loss(1e300));
  tell_step<TrainLoss>(set, driver.run, with_loss(0.0));
  REQUIRE(!driver.run.stop_requested());
  tell_step<TrainLoss>(set, driver.run, with_loss(loss));
  REQUIRE(driver.run.stop_requested());
  CHECK(driver.stops_before_update());
}

TEST_CASE("TerminateOnNaN stops the run if the loss of an evaluation is not finite") {
  RunDriver driver;
  Set set{TerminateOnNaN{}};
  tell_step<EvalStepEnd>(set, driver.run, with_loss(1.0));
  REQUIRE(!driver.run.stop_requested());
  tell_step<EvalStepEnd>(set, driver.run, with_loss(std::nan("")));
  REQUIRE(driver.run.stop_requested());
}

TEST_CASE("the stop reason of TerminateOnNaN contains the position and the remedies") {
  RunDriver driver;
  driver.run.history().set_epoch(3);
  driver.set_batch(12);
  Set set{TerminateOnNaN{}};
  SECTION("in training") {
    tell_step<TrainLoss>(set, driver.run, with_loss(std::nan("")));
    CHECK(driver.run.stop_reason() ==
          "Stopping training due to NaN loss in batch 13 of training epoch 3; that batch has not changed the weights. "
          "Lower the learning rate, clip the gradients, or check the data for NaN and infinite values.");
  }
  SECTION("in the evaluation between epochs") {
    driver.set_phase(Phase::eval);
    tell_step<EvalStepEnd>(set, driver.run, with_loss(HUGE_VAL));
    CHECK(driver.run.stop_reason() ==
          "Stopping training due to infinite loss in batch 13 of the evaluation after epoch 3. "
          "Lower the learning rate, clip the gradients, or check the data for NaN and infinite values.");
  }
  SECTION("in an evaluation within an epoch") {
    driver.set_phase(Phase::intermediate_eval);
    driver.set_num_updates(700);
    tell_step<EvalStepEnd>(set, driver.run, with_loss(std::nan("")));
    CHECK(driver.run.stop_reason() ==
          "Stopping training due to NaN loss in batch 13 of the evaluation after update 700. "
          "Lower the learning rate, clip the gradients, or check the data for NaN and infinite values.");
  }
  SECTION("in an evaluation run") {
    driver.set_phase(Phase::evaluation);
    tell_step<EvalStepEnd>(set, driver.run, with_loss(std::nan("")));
    CHECK(driver.run.stop_reason() ==
          "Stopping evaluation due to NaN loss in batch 13. "
          "Lower the learning rate, clip the gradients, or check the data for NaN and infinite values.");
  }
}

TEST_CASE("every_n_batches limits how often TerminateOnNaN reads the loss") {
  RunDriver driver;
  int num_reads = 0;
  Set set{TerminateOnNaN{.every_n_batches = 4}};
  for (int step = 0; step < 12; ++step) {
    driver.set_batch(step);
    tell_step<TrainLoss>(set, driver.run, {{0.5, &num_reads}, 1});
  }
  CHECK(num_reads == 3);
}

TEST_CASE("TerminateOnNaN throws std::invalid_argument if every_n_batches is 0") {
  RunDriver driver;
  Set set{TerminateOnNaN{.every_n_batches = 0}};
  CHECK_THROWS_AS(set.notify(TrainingRunStart{{driver.run}}), std::invalid_argument);
  CHECK_THROWS_AS(set.notify(EvaluationRunStart{{driver.run}}), std::invalid_argument);
}
