// SPDX-License-Identifier: Apache-2.0
/// Printed metrics of a run.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

/// Prints metrics of training when an epoch of training ends, and metrics of an evaluation when the evaluation ends:
/// for each name, the newest value since the last print. A value that a later callback records in the same event is
/// printed at the end of the epoch, after its evaluation, or at the end of the `evaluate` run. Prints on rank 0 only.
///
/// **Example** prints an empty line, then `train_loss_epoch: 0.301522`.
struct LogMetrics {
  std::FILE* output = stdout;  ///< The stream of the output.

  /// The revisions up to which the history was printed: for records of training, and for all other records.
  struct State {
    std::int64_t train = 0;  ///< The revision for records of training.
    std::int64_t eval = 0;   ///< The revision for all other records.
  };
  State state{};

  void on_training_run_start(const TrainingRunStart& event) { skip_all(event.run); }
  void on_evaluation_run_start(const EvaluationRunStart& event) { skip_all(event.run); }

  void on_train_epoch_end(const TrainEpochEnd& event) { print_train(event.run); }
  void on_eval_epoch_end(const EvalEpochEnd& event) { print_eval(event.run); }
  void on_training_run_epoch_end(const TrainingRunEpochEnd& event) {
    print_train(event.run);
    print_eval(event.run);
  }
  void on_evaluation_run_end(const EvaluationRunEnd& event) { print_eval(event.run); }

 private:
  void skip_all(const Run& run) { state.train = state.eval = run.history().revision(); }
  void print_train(const Run& run) {
    print(run, state.train, [](Phase phase) { return phase == Phase::train; });
  }
  void print_eval(const Run& run) {
    print(run, state.eval, [](Phase phase) { return phase != Phase::train; });
  }
  void print(const Run& run, std::int64_t& mark, auto is_meant) const {
    if (run.history().revision() == mark) return;
    const auto records = run.history().recorded_since(mark);
    mark = run.history().revision();
    if (!run.is_world_process_zero()) return;
    for (auto it = records.begin(); it != records.end(); ++it) {
      const auto is_same = [it](const NamedRecord& other) { return other.name == it->name; };
      if (!is_meant(it->record.phase) || std::any_of(it + 1, records.end(), is_same)) continue;
      detail::put(output, format_message("\n{}: {}\n", {it->name, detail::general(it->record.value, 6)}));
    }
  }
};

}  // namespace hone
