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

TEST_CASE("a training run is announced, epoch by epoch, with the epochs counted on") {
  RunDriver driver;
  driver.run.history().set_epoch(4);
  Captured output;
  CallbackSet<PrintProgress> set{PrintProgress{.output = output.file()}};
  set.tell(TrainingRunStart{{driver.run}});
  CHECK(output.text() == "\nStarting training run\n");
  set.tell(TrainEpochStart{{driver.run}});
  CHECK(output.text() == "\nStarting epoch 4\n");
  set.tell(EvalEpochStart{{driver.run}});
  CHECK(output.text() == "\nStarting eval epoch\n");
  set.tell(TrainingRunEnd{{driver.run}});
  CHECK(output.text() == "Finishing training run\n");
}

TEST_CASE("an evaluation run is announced") {
  RunDriver driver;
  Captured output;
  CallbackSet<PrintProgress> set{PrintProgress{.output = output.file()}};
  set.tell(EvaluationRunStart{{driver.run}});
  CHECK(output.text() == "\nStarting evaluation run\n");
  set.tell(EvaluationRunEnd{{driver.run}});
  CHECK(output.text() == "Finishing evaluation run\n");
}

TEST_CASE("a stop is announced with its reason") {
  RunDriver driver;
  Captured output;
  CallbackSet<PrintProgress> set{PrintProgress{.output = output.file()}};
  driver.run.request_stop("enough");
  set.tell(StopTraining{{driver.run}});
  CHECK(output.text() == "\nenough\n");
}

TEST_CASE("only the first process announces") {
  RunDriver driver;
  driver.config().process_index = 1;
  Captured output;
  CallbackSet<PrintProgress> set{PrintProgress{.output = output.file()}};
  set.tell(TrainingRunStart{{driver.run}});
  CHECK(output.text().empty());
}

TEST_CASE("an evaluation within an epoch is told by its update") {
  RunDriver driver;
  driver.set_phase(Phase::intermediate_eval);
  driver.set_num_updates(700);
  Captured output;
  CallbackSet<PrintProgress> set{PrintProgress{.output = output.file()}};
  set.tell(EvalEpochStart{{driver.run}});
  CHECK(output.text() == "\nStarting evaluation after 700 updates\n");
}
