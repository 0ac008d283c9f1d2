// SPDX-License-Identifier: Apache-2.0
/// Printed messages about the start and the end of runs and epochs.
#pragma once

#include <cstdio>
#include <string_view>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

/// Prints a line at the start and the end of a run of training or `evaluate`, at the start of each epoch, and, with the
/// reason, when a run is stopped. Prints on rank 0 only.
struct PrintProgress {
  static constexpr bool needs_run = true;
  std::FILE* output = stdout;  ///< The stream of the output.

  void on_training_run_start(const TrainingRunStart& event) const { say(event.run, "\nStarting training run\n"); }
  void on_train_epoch_start(const TrainEpochStart& event) const {
    say(event.run, format_message("\nStarting epoch {}\n", {event.run.epoch()}));
  }
  void on_eval_epoch_start(const EvalEpochStart& event) const {
    say(event.run, event.run.phase() == Phase::intermediate_eval
                       ? format_message("\nStarting evaluation after {} updates\n", {event.run.num_updates()})
                       : "\nStarting eval epoch\n");
  }
  void on_training_run_end(const TrainingRunEnd& event) const {
    const auto& reason = event.run.history().stop_reason();  // `on_stop_training` prints a requested stop
    if (reason && !event.run.stop_requested()) say(event.run, format_message("\n{}\n", {*reason}));
    say(event.run, "Finishing training run\n");
  }
  void on_evaluation_run_start(const EvaluationRunStart& event) const { say(event.run, "\nStarting evaluation run\n"); }
  void on_evaluation_run_end(const EvaluationRunEnd& event) const { say(event.run, "Finishing evaluation run\n"); }
  void on_stop_training(const StopTraining& event) const {
    say(event.run, format_message("\n{}\n", {event.run.stop_reason()}));
  }

 private:
  void say(const Run& run, std::string_view text) const {
    if (run.is_world_process_zero()) detail::put(output, text);
  }
};

}  // namespace hone
