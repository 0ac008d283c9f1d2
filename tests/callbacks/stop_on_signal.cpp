// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/stop_on_signal.hpp"

#include <csignal>
#include <exception>
#include <string>
#include <type_traits>

#include "hone/callbacks/callback_set.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

using namespace hone;

namespace {

static_assert(std::is_aggregate_v<StopOnSignal>);
static_assert(checked_callback<StopOnSignal>);

int num_heard = 0;
void count(int) { ++num_heard; }

/// Counts SIGUSR1 and SIGUSR2 during its lifetime.
struct Counting {
  Counting() {
    num_heard = 0;
    std::signal(SIGUSR1, count);
    std::signal(SIGUSR2, count);
  }
  ~Counting() {
    std::signal(SIGUSR1, SIG_DFL);
    std::signal(SIGUSR2, SIG_DFL);
  }
};

using Set = CallbackSet<StopOnSignal>;

}  // namespace

TEST_CASE("StopOnSignal stops the run at the next step and names the signal") {
  const Counting counting;
  RunDriver driver;
  Set set{StopOnSignal{.signals = {SIGUSR1}}};
  set.tell(TrainingRunStart{{driver.run}});
  set.tell(TrainLoss{{driver.run}});
  set.tell(TrainStepEnd{{driver.run}});
  CHECK(!driver.run.stop_requested());
  std::raise(SIGUSR1);
  CHECK(!driver.run.stop_requested());
  SECTION("at a loss") { set.tell(TrainLoss{{driver.run}}); }
  SECTION("at the end of a step") { set.tell(TrainStepEnd{{driver.run}}); }
  SECTION("in an evaluation") { set.tell(EvalStepEnd{{driver.run}}); }
  SECTION("in a prediction") { set.tell(PredictStepEnd{{driver.run}}); }
  CHECK(driver.run.stop_requested());
  CHECK(!driver.stops_before_update());
  CHECK(driver.run.stop_reason() == "Signal 10 (User defined signal 1)");
  CHECK(num_heard == 0);
}

TEST_CASE("StopOnSignal restores the previous signal handlers at the end of the outermost run") {
  const Counting counting;
  RunDriver driver;
  Set set{StopOnSignal{.signals = {SIGUSR1, SIGUSR2}}};
  set.tell(TrainingRunStart{{driver.run}});
  set.tell(EvaluationRunStart{{driver.run}});  // a nested run
  std::raise(SIGUSR2);
  set.tell(EvaluationRunEnd{{driver.run}});
  std::raise(SIGUSR1);
  CHECK(num_heard == 0);
  SECTION("in order") { set.tell(TrainingRunEnd{{driver.run}}); }
  SECTION("by an exception") { set.tell(ExceptionThrown{{driver.run}, nullptr}); }
  std::raise(SIGUSR1);
  std::raise(SIGUSR2);
  CHECK(num_heard == 2);

  RunDriver next;  // is not affected by earlier signals
  set.tell(TrainingRunStart{{next.run}});
  set.tell(TrainLoss{{next.run}});
  CHECK(!next.run.stop_requested());
  set.tell(TrainingRunEnd{{next.run}});
}

TEST_CASE("StopOnSignal throws for a signal that cannot be caught and restores the handlers of the other signals") {
  const Counting counting;
  RunDriver driver;
  Set set{StopOnSignal{.signals = {SIGUSR1, SIGKILL}}};
  CHECK_THROWS_WITH(
      set.tell(TrainingRunStart{{driver.run}}),
      "StopOnSignal::signals has 9, which is no signal that can be caught. Give others, such as SIGTERM.");
  std::raise(SIGUSR1);
  CHECK(num_heard == 1);
  set.tell(ExceptionThrown{{driver.run}, nullptr});
}

TEST_CASE("overlapping runs each watch their own signals, and the last one restores the handlers") {
  const Counting counting;
  RunDriver first, second;
  Set early{StopOnSignal{.signals = {SIGUSR1}}}, late{StopOnSignal{.signals = {SIGUSR1, SIGUSR2}}};
  early.tell(TrainingRunStart{{first.run}});
  late.tell(TrainingRunStart{{second.run}});
  std::raise(SIGUSR2);
  early.tell(TrainStepEnd{{first.run}});
  late.tell(TrainStepEnd{{second.run}});
  CHECK(!first.run.stop_requested());
  CHECK(second.run.stop_reason() == "Signal 12 (User defined signal 2)");
  early.tell(TrainingRunEnd{{first.run}});
  std::raise(SIGUSR1);
  CHECK(num_heard == 0);
  late.tell(TrainingRunEnd{{second.run}});
  std::raise(SIGUSR1);
  std::raise(SIGUSR2);
  CHECK(num_heard == 2);
}
