// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/log_metrics.hpp"

#include <type_traits>

#include "hone/callbacks/callback_set.hpp"
#include "support/captured.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

using namespace hone;

namespace {

static_assert(std::is_aggregate_v<LogMetrics>);
static_assert(checked_callback<LogMetrics>);

struct Logged {
  RunDriver driver{};
  Captured output{};
  CallbackSet<LogMetrics> set{LogMetrics{.output = output.file()}};

  Logged() { set.notify(TrainingRunStart{{driver.run}}); }
  void record(const char* name, double value, Phase phase) { driver.run.history().record(name, value, phase); }
  std::string after_train_epoch() {
    set.notify(TrainEpochEnd{{driver.run}, 0.0});
    return output.text();
  }
  std::string after_eval_epoch() {
    set.notify(EvalEpochEnd{{driver.run}, 0.0});
    return output.text();
  }
};

}  // namespace

TEST_CASE("LogMetrics prints the values of an epoch once, at its end") {
  Logged logged;
  logged.record("train_loss_epoch", 0.30152249, Phase::train);
  CHECK(logged.after_train_epoch() == "\ntrain_loss_epoch: 0.301522\n");
  logged.record("eval_loss_epoch", 0.25, Phase::eval);
  CHECK(logged.after_eval_epoch() == "\neval_loss_epoch: 0.25\n");
  CHECK(logged.after_train_epoch().empty());
  CHECK(logged.after_eval_epoch().empty());
}

TEST_CASE("LogMetrics selects the metrics of an epoch by phase, not by name") {
  Logged logged;
  logged.record("train_set_coverage", 1.0, Phase::eval);
  logged.record("lr", 0.1, Phase::train);
  CHECK(logged.after_train_epoch() == "\nlr: 0.1\n");
  CHECK(logged.after_eval_epoch() == "\ntrain_set_coverage: 1\n");
}

TEST_CASE("LogMetrics prints the latest of several values of the same name") {
  Logged logged;
  logged.record("lr", 0.1, Phase::train);
  logged.record("grad_norm", 3.0, Phase::train);
  logged.record("lr", 0.2, Phase::train);
  CHECK(logged.after_train_epoch() == "\ngrad_norm: 3\n\nlr: 0.2\n");
}

TEST_CASE("LogMetrics prints values that later callbacks record at the end of an epoch") {
  Logged logged;
  CHECK(logged.after_eval_epoch().empty());
  logged.record("eval_accuracy_epoch", 0.5, Phase::eval);
  logged.set.notify(TrainingRunEpochEnd{{logged.driver.run}});
  CHECK(logged.output.text() == "\neval_accuracy_epoch: 0.5\n");

  logged.set.notify(EvaluationRunStart{{logged.driver.run}});
  logged.record("evaluation_accuracy", 0.75, Phase::evaluation);
  logged.set.notify(EvaluationRunEnd{{logged.driver.run}});
  CHECK(logged.output.text() == "\nevaluation_accuracy: 0.75\n");
}

TEST_CASE("LogMetrics does not print values of an earlier run") {
  Logged logged;
  logged.record("train_loss_epoch", 0.5, Phase::train);
  logged.set.notify(TrainingRunStart{{logged.driver.run}});
  CHECK(logged.after_train_epoch().empty());
}

TEST_CASE("LogMetrics prints on rank 0 only") {
  Logged logged;
  logged.driver.config().process_index = 1;
  logged.record("train_loss_epoch", 0.5, Phase::train);
  CHECK(logged.after_train_epoch().empty());
}
