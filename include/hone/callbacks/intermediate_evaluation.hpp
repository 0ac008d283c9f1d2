// SPDX-License-Identifier: Apache-2.0
/// Evaluates within epochs, after every so many updates.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "hone/callbacks/events.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

/// Evaluates on the run's evaluation data after updates n, 2n, 3n, ... of the run, at the end of the batch that made
/// the update, and records the mean loss as `intermediate_eval_loss`. The callbacks hear it as they hear any
/// evaluation; `run.phase()` is `Phase::intermediate_eval`. Training then goes on where it was. Nothing happens in a
/// run without evaluation data.
///
/// **Units** every_n_updates: optimizer updates of the run. An update that ends an epoch is followed by the epoch's own
/// evaluation too; one that is made only because a range without length has ended is followed by that alone.
/// **Errors** `std::invalid_argument` when `every_n_updates` < 1; `DataError` when the run trains and evaluates on one
/// loader that can be walked through only once at a time.
/// **Example** `hone::IntermediateEvaluation{.every_n_updates = 500}`
struct IntermediateEvaluation {
  static constexpr bool needs_run = true;
  std::int64_t every_n_updates = 100;

  struct State {
    bool is_due = false;
  };
  State state{};

  static constexpr std::string_view metric = "intermediate_eval_loss";

  void on_training_run_start(const TrainingRunStart&) const {
    if (every_n_updates < 1) {
      throw std::invalid_argument(
          sentence("IntermediateEvaluation::every_n_updates is {}. Give 1 or more updates.", {every_n_updates}));
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
