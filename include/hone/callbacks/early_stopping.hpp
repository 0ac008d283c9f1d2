// SPDX-License-Identifier: Apache-2.0
/// Early stopping of a training run.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/callbacks/watched_metric.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"
#include "hone/core/threshold_mode.hpp"

namespace hone {

/// Ends the run when a metric has not improved for `patience` epochs in a row. Optionally, ends it at the first value
/// that is not finite or that crosses a threshold. The criteria are tested in the order of the table, and the first one
/// that is met ends the run.
///
/// | the run ends | when |
/// | --- | --- |
/// | `check_finite` | the value is NaN or infinite |
/// | `stopping_threshold` | the value is better than this |
/// | `divergence_threshold` | the value is worse than this |
/// | `patience` | the last `patience` values did not improve on the best value |
///
/// The first value that is not NaN is the initial best value. A later value improves on the best value when it is
/// better by more than `min_delta`. NaN never improves. An epoch that records no value of the metric does not count;
/// `every_epochs<n>(EarlyStopping{...})` tests each n-th epoch. A custom training loop calls `observe`. A
/// `fast_dev_run` is never ended. As a callback of an average, it watches the averaged weights, as `SaveBest` does.
///
/// **Units** patience: epochs, 0 ends the run after the first one; min_delta: the unit of the metric, or a fraction of
/// the best value's magnitude; thresholds: the unit of the metric.
/// **Errors** `std::invalid_argument`: when a run starts, for a negative `patience`, a negative or NaN `min_delta`, a
/// NaN threshold, and an evaluation metric in a run without evaluation data; at the end of the first epoch after which
/// an evaluation is due, for any other metric that was never recorded (of evaluations within epochs: after the first
/// such evaluation, or after the last epoch).
/// **Source** L. Prechelt, "Early Stopping - But When?", 1998; for the thresholds TorchTNT's `EarlyStopChecker`.
/// **Example** `hone::EarlyStopping{.patience = 3, .min_delta = 0.0, .divergence_threshold = 1e3}`
struct EarlyStopping {
  static constexpr bool needs_run = true;
  int patience = 1;
  double min_delta = 0.01;
  ThresholdMode threshold_mode = ThresholdMode::absolute;  ///< The unit of `min_delta`.
  std::string watch_metric = "eval_loss_epoch";            ///< A name in the run's history.
  bool greater_is_better = false;                          ///< True if larger values of the metric are better.
  bool check_finite = false;                               ///< End the run at a NaN or infinite value.
  std::optional<double> stopping_threshold{};              ///< End the run at a better value.
  std::optional<double> divergence_threshold{};            ///< End the run at a worse value.
  bool reset_on_train = true;  ///< Reset the state when a run starts; otherwise the next run continues with it.
  bool verbose = false;        ///< Print the decision of each epoch.
  std::FILE* output = stdout;  ///< The stream for this output.

  /// The state between epochs.
  struct State {
    std::optional<double> best{};
    int waited = 0;  ///< Epochs since the last improvement.

    std::optional<double> last{};  ///< The newest value.

    void serialize(auto& archive) {
      archive("best", best);
      serialize_count(archive, "waited", waited);
      archive("last", last);
    }
  };
  State state{};

  void on_training_run_start(const TrainingRunStart& event) {
    detail::require_capturable(event.run, watch_metric, "EarlyStopping::watch_metric");
    if (patience < 0) {
      throw std::invalid_argument(format_message("EarlyStopping::patience is {}. Set it to 0 or greater.", {patience}));
    }
    if (detail::is_nan(min_delta) || min_delta < 0.0) {
      throw std::invalid_argument(
          format_message("EarlyStopping::min_delta is {}. Set it to 0 or greater.", {min_delta}));
    }
    check("stopping_threshold", stopping_threshold);
    check("divergence_threshold", divergence_threshold);
    if (reset_on_train) state = {};
  }

  /// Adds the next value of the metric, and returns the reason to stop; empty if there is none.
  std::optional<std::string> observe(double value) { return observe(value, watch_metric); }

  void on_training_run_epoch_end(const auto& event) {
    const auto name = detail::watched_name(event, watch_metric);
    const auto value = detail::value_of_epoch(event.run, name, "EarlyStopping::watch_metric");
    if (!value || event.run.config().fast_dev_run) return;
    const State before = state;
    const std::optional<std::string> reason = observe(*value, name);
    if (verbose && event.run.is_world_process_zero()) say_what_changed(before);
    if (reason) event.run.request_stop(*reason);
  }

  /// Requests the stop again when the restored state meets a criterion with the present settings.
  void on_load_checkpoint(const LoadCheckpoint& event) {
    if (!state.last || event.run.config().fast_dev_run) return;
    if (const auto reason = threshold_crossed_by(*state.last, watch_metric)) return event.run.request_stop(*reason);
    if (const auto reason = out_of_patience()) event.run.request_stop(*reason);
  }

 private:
  std::optional<std::string> observe(double value, const std::string& name) {
    state.last = value;
    if (const auto reason = threshold_crossed_by(value, name)) return reason;
    const bool improves = !detail::is_nan(value) && (!state.best || gain(*state.best, value) > least_gain());
    if (improves) state.best = value;
    state.waited = improves ? 0 : state.waited + 1;
    return out_of_patience();
  }
  [[nodiscard]] std::optional<std::string> threshold_crossed_by(double value, const std::string& name) const {
    if (check_finite && !detail::is_finite(value)) {
      return format_message("Stopping training because `{}` is {}", {name, value});
    }
    if (detail::is_nan(value)) return std::nullopt;
    if (stopping_threshold && gain(*stopping_threshold, value) > 0.0) {
      return format_message("Stopping training because `{}` is {}, better than the stopping threshold {}",
                            {name, value, *stopping_threshold});
    }
    if (divergence_threshold && gain(*divergence_threshold, value) < 0.0) {
      return format_message("Stopping training because `{}` is {}, worse than the divergence threshold {}",
                            {name, value, *divergence_threshold});
    }
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::string> out_of_patience() const {
    if (state.waited < patience) return std::nullopt;
    return format_message("Stopping training due to no improvement after {} epochs", {patience});
  }
  /// Returns the improvement from `from` to `to`; negative if `to` is worse.
  [[nodiscard]] double gain(double from, double to) const { return greater_is_better ? to - from : from - to; }
  /// Returns the gain that an improvement on the best value must exceed.
  [[nodiscard]] double least_gain() const {
    if (threshold_mode == ThresholdMode::absolute) return min_delta;
    return detail::is_finite(*state.best) ? min_delta * std::abs(*state.best) : 0.0;
  }
  /// Prints whether the metric improved. Prints nothing for a first value, and for a value that was not compared.
  void say_what_changed(const State& before) const {
    if (state.waited > before.waited) {
      detail::put(output, "No improvement above threshold observed, incrementing counter.\n");
    } else if (before.best && state.best != before.best) {
      detail::put(output, format_message("\nImprovement of {} observed, resetting counter.\n",
                                         {gain(*before.best, *state.best)}));
    } else {
      return;
    }
    detail::put(output, format_message("Early stopping counter: {}/{}\n", {state.waited, patience}));
  }
  static void check(const char* name, std::optional<double> threshold) {
    if (threshold && detail::is_nan(*threshold)) {
      throw std::invalid_argument(
          format_message("EarlyStopping::{} is nan. Set it to a number, or remove it.", {name}));
    }
  }
};

}  // namespace hone
