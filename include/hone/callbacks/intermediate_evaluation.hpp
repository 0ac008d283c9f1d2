// SPDX-License-Identifier: Apache-2.0
/// Evaluation within epochs, after every n updates.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "hone/callbacks/events.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

/// Evaluates on the run's evaluation data after updates n, 2n, 3n, ... of the run, at the end of the batch that made
/// the update, and records the mean loss as `intermediate_eval_loss`. The trainer's callbacks receive the events of the
/// evaluation, with `Phase::intermediate_eval` as `run.phase()`. Training then continues. A no-op in a run without
/// evaluation data.
///
/// **Units** every_n_updates: optimizer updates of the run. After an update at the end of an epoch, the epoch's
/// evaluation follows too. The update of an accumulation window that the end of a range without length cuts short is
/// followed by the epoch's evaluation only.
/// **Errors** `std::invalid_argument` when `every_n_updates` < 1; `DataError` when the run trains and evaluates on the
/// same loader, and the loader is a single-pass range.
/// **Example** `hone::IntermediateEvaluation{.every_n_updates = 500}`
struct IntermediateEvaluation {
  static constexpr bool needs_run = true;
  std::int64_t every_n_updates = 100;

  /// The state between two steps.
  struct State {
    bool is_due = false;  ///< True if an evaluation is due at the end of the current batch.
  };
  State state{};

  static constexpr std::string_view metric = "intermediate_eval_loss";  ///< The name of the recorded loss.

  void on_training_run_start(const TrainingRunStart&) const {
    if (every_n_updates < 1) {
      throw std::invalid_argument(
          format_message("IntermediateEvaluation::every_n_updates is {}. Set it to 1 or greater.", {every_n_updates}));
    }
  }
  void on_train_epoch_start(const TrainEpochStart&) { state.is_due = false; }
  void on_optimizer_step(const OptimizerStep& event) { state.is_due = event.run.num_updates() % every_n_updates == 0; }
  void on_train_step_end(const auto& event) {
    if constexpr (requires { event.evaluate(metric); }) {
      if (!state.is_due) return;
      state.is_due = false;
      event.evaluate(metric);
    }
  }
};

}  // namespace hone
