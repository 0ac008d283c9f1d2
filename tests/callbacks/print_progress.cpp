// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/print_progress.hpp"

#include <type_traits>

#include "hone/callbacks/callback_set.hpp"
#include "support/captured.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

using namespace hone;

static_assert(std::is_aggregate_v<PrintProgress>);
static_assert(checked_callback<PrintProgress>);

TEST_CASE(
    "PrintProgress prints the start and the end of a training run, and each epoch with its number in the history") {
  RunDriver driver;
  driver.run.history().set_epoch(4);
  Captured output;
  CallbackSet<PrintProgress> set{PrintProgress{.output = output.file()}};
  set.notify(TrainingRunStart{{driver.run}});
  CHECK(output.text() == "\nStarting training run\n");
  set.notify(TrainEpochStart{{driver.run}});
  CHECK(output.text() == "\nStarting epoch 4\n");
  set.notify(EvalEpochStart{{driver.run}});
  CHECK(output.text() == "\nStarting eval epoch\n");
  set.notify(TrainingRunEnd{{driver.run}});
  CHECK(output.text() == "Finishing training run\n");
}

TEST_CASE("PrintProgress prints the start and the end of an evaluation run") {
  RunDriver driver;
  Captured output;
  CallbackSet<PrintProgress> set{PrintProgress{.output = output.file()}};
  set.notify(EvaluationRunStart{{driver.run}});
  CHECK(output.text() == "\nStarting evaluation run\n");
  set.notify(EvaluationRunEnd{{driver.run}});
  CHECK(output.text() == "Finishing evaluation run\n");
}

TEST_CASE("PrintProgress prints the reason of a stop") {
  RunDriver driver;
  Captured output;
  CallbackSet<PrintProgress> set{PrintProgress{.output = output.file()}};
  driver.run.request_stop("enough");
  set.notify(StopTraining{{driver.run}});
  CHECK(output.text() == "\nenough\n");
}

TEST_CASE("PrintProgress prints on rank 0 only") {
  RunDriver driver;
  driver.config().process_index = 1;
  Captured output;
  CallbackSet<PrintProgress> set{PrintProgress{.output = output.file()}};
  set.notify(TrainingRunStart{{driver.run}});
  CHECK(output.text().empty());
}

TEST_CASE("PrintProgress prints the number of updates at an evaluation within an epoch") {
  RunDriver driver;
  driver.set_phase(Phase::intermediate_eval);
  driver.set_num_updates(700);
  Captured output;
  CallbackSet<PrintProgress> set{PrintProgress{.output = output.file()}};
  set.notify(EvalEpochStart{{driver.run}});
  CHECK(output.text() == "\nStarting evaluation after 700 updates\n");
}
