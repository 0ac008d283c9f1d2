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

int num_notified = 0;
void count(int) { ++num_notified; }

/// Counts SIGUSR1 and SIGUSR2 during its lifetime.
struct Counting {
  Counting() {
    num_notified = 0;
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
  set.notify(TrainingRunStart{{driver.run}});
  set.notify(TrainLoss{{driver.run}});
  set.notify(TrainStepEnd{{driver.run}});
  CHECK(!driver.run.stop_requested());
  std::raise(SIGUSR1);
  CHECK(!driver.run.stop_requested());
  SECTION("at a loss") { set.notify(TrainLoss{{driver.run}}); }
  SECTION("at the end of a step") { set.notify(TrainStepEnd{{driver.run}}); }
  SECTION("in an evaluation") { set.notify(EvalStepEnd{{driver.run}}); }
  SECTION("in a prediction") { set.notify(PredictStepEnd{{driver.run}}); }
  CHECK(driver.run.stop_requested());
  CHECK(!driver.stops_before_update());
  CHECK(driver.run.stop_reason() == "Signal 10 (User defined signal 1)");
  CHECK(num_notified == 0);
}

TEST_CASE("StopOnSignal restores the previous signal handlers at the end of the outermost run") {
  const Counting counting;
  RunDriver driver;
  Set set{StopOnSignal{.signals = {SIGUSR1, SIGUSR2}}};
  set.notify(TrainingRunStart{{driver.run}});
  set.notify(EvaluationRunStart{{driver.run}});  // a nested run
  std::raise(SIGUSR2);
  set.notify(EvaluationRunEnd{{driver.run}});
  std::raise(SIGUSR1);
  CHECK(num_notified == 0);
  SECTION("in order") { set.notify(TrainingRunEnd{{driver.run}}); }
  SECTION("by an exception") { set.notify(ExceptionThrown{{driver.run}, nullptr}); }
  std::raise(SIGUSR1);
  std::raise(SIGUSR2);
  CHECK(num_notified == 2);

  RunDriver next;  // is not affected by earlier signals
  set.notify(TrainingRunStart{{next.run}});
  set.notify(TrainLoss{{next.run}});
  CHECK(!next.run.stop_requested());
  set.notify(TrainingRunEnd{{next.run}});
}

TEST_CASE("StopOnSignal throws for a signal that cannot be caught and restores the handlers of the other signals") {
  const Counting counting;
  RunDriver driver;
  Set set{StopOnSignal{.signals = {SIGUSR1, SIGKILL}}};
  CHECK_THROWS_WITH(set.notify(TrainingRunStart{{driver.run}}),
                    "StopOnSignal::signals contains 9, which is not a signal that a handler can catch. Use other "
                    "signals, such as SIGTERM.");
  std::raise(SIGUSR1);
  CHECK(num_notified == 1);
  set.notify(ExceptionThrown{{driver.run}, nullptr});
}

TEST_CASE("overlapping runs each watch their own signals, and the last one restores the handlers") {
  const Counting counting;
  RunDriver first, second;
  Set early{StopOnSignal{.signals = {SIGUSR1}}}, late{StopOnSignal{.signals = {SIGUSR1, SIGUSR2}}};
  early.notify(TrainingRunStart{{first.run}});
  late.notify(TrainingRunStart{{second.run}});
  std::raise(SIGUSR2);
  early.notify(TrainStepEnd{{first.run}});
  late.notify(TrainStepEnd{{second.run}});
  CHECK(!first.run.stop_requested());
  CHECK(second.run.stop_reason() == "Signal 12 (User defined signal 2)");
  early.notify(TrainingRunEnd{{first.run}});
  std::raise(SIGUSR1);
  CHECK(num_notified == 0);
  late.notify(TrainingRunEnd{{second.run}});
  std::raise(SIGUSR1);
  std::raise(SIGUSR2);
  CHECK(num_notified == 2);
}
