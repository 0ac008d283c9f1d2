// SPDX-License-Identifier: Apache-2.0
/// A stop of a run at a NaN or infinite loss.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hone/callbacks/events.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

/// Ends the run when the loss of a checked batch is NaN or infinite. A training loss that it finds does not change the
/// weights. With several losses, the losses before it in the same batch can have changed the weights of their optimizers.
///
/// **Units** every_n_batches: batches of training, and of an evaluation, from one check to the next.
/// **Cost** one read of the loss per check: negligible on the CPU, a host synchronization on other devices. A larger
/// `every_n_batches` reduces the synchronizations, but a bad loss between two checks can change the weights.
/// **Errors** `std::invalid_argument` when `every_n_batches` < 1.
struct TerminateOnNaN {
  std::int64_t every_n_batches = 1;

  void on_training_run_start(const TrainingRunStart&) const { check_settings(); }
  void on_evaluation_run_start(const EvaluationRunStart&) const { check_settings(); }

  void on_train_loss(const auto& event) const {
    if (every_n_batches > 1 && event.run.batch() % every_n_batches != 0) return;
    if (const double loss = event.output.loss.template item<double>(); !detail::is_finite(loss)) {
      std::string kept = "; that batch has not changed the weights";
      if constexpr (requires { event.objective; }) kept += format_message(" of '{}'", {event.objective});
      event.run.request_stop_before_update(reason(event.run, loss) + kept + ". " + std::string(remedy));
    }
  }
  void on_eval_step_end(const auto& event) const {
    if (every_n_batches > 1 && event.run.batch() % every_n_batches != 0) return;
    if (const double loss = event.output.loss.template item<double>(); !detail::is_finite(loss)) {
      event.run.request_stop(reason(event.run, loss) + ". " + std::string(remedy));
    }
  }

 private:
  static constexpr std::string_view remedy =
      "Lower the learning rate, clip the gradients, or check the data for NaN and infinite values.";

  void check_settings() const {
    if (every_n_batches < 1) {
      throw std::invalid_argument(
          format_message("TerminateOnNaN::every_n_batches is {}. Set it to 1 or greater.", {every_n_batches}));
    }
  }
  /// Returns the reason of the stop. Counts batches from 1.
  static std::string reason(const Run& run, double loss) {
    const std::string_view what = detail::is_nan(loss) ? "NaN" : "infinite";
    const auto batch = run.batch() + 1;
    switch (run.phase()) {
      case Phase::train:
        return format_message("Stopping training due to {} loss in batch {} of training epoch {}",
                              {what, batch, run.epoch()});
      case Phase::eval:
        return format_message("Stopping training due to {} loss in batch {} of the evaluation after epoch {}",
                              {what, batch, run.epoch()});
      case Phase::intermediate_eval:
        return format_message("Stopping training due to {} loss in batch {} of the evaluation after update {}",
                              {what, batch, run.num_updates()});
      default:
        return format_message("Stopping evaluation due to {} loss in batch {}", {what, batch});
    }
  }
};

}  // namespace hone
