// SPDX-License-Identifier: Apache-2.0
/// Ends a training run that no longer improves.
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
#include "hone/core/sentence.hpp"
#include "hone/core/serialize.hpp"
#include "hone/core/threshold_mode.hpp"

namespace hone {

/// Ends the run when a metric has not improved for `patience` epochs in a row, and, where asked for, at once when it is
/// no finite number, good enough or too bad. The questions are put in the order of the table; the first yes ends the
/// run.
///
/// | the run ends | when |
/// | --- | --- |
/// | `check_finite` | the value is NaN or infinite |
/// | `stopping_threshold` | the value is better than this |
/// | `divergence_threshold` | the value is worse than this |
/// | `patience` | the last so many values did not improve on the best one |
///
/// The first value is the best so far; a later one improves on it when it is better by more than `min_delta`. NaN never
/// improves. An epoch that records no value of the metric does not count; `every_epochs<n>(EarlyStopping{...})` looks
/// at each n-th epoch. A program with a loop of its own calls `observe`. A fast development run is never ended.
///
/// **Units** patience: epochs, 0 ends the run after the first one; min_delta: the unit of the metric, or a share of the
/// best value's size; thresholds: the unit of the metric.
/// **Errors** `std::invalid_argument` for a negative `patience`, a negative or NaN `min_delta`, a threshold that is
/// NaN, and a metric of evaluations in a run without one; at the end of the first epoch with an evaluation for any
/// other metric that nothing has recorded.
/// **Source** L. Prechelt, "Early Stopping - But When?", 1998; for the thresholds TorchTNT's `EarlyStopChecker`.
/// **Example** `hone::EarlyStopping{.patience = 3, .min_delta = 0.0, .divergence_threshold = 1e3}`
struct EarlyStopping {
  static constexpr bool needs_run = true;
  int patience = 1;
  double min_delta = 0.01;
  ThresholdMode threshold_mode = ThresholdMode::absolute;  ///< What `min_delta` is measured in.
  std::string watch_metric = "eval_loss_epoch";            ///< A name of the run's history.
  bool greater_is_better = false;
  bool check_finite = false;                     ///< End the run at a value that is NaN or infinite.
  std::optional<double> stopping_threshold{};    ///< End the run at a value that is better.
  std::optional<double> divergence_threshold{};  ///< End the run at a value that is worse.
  bool reset_on_train = true;  ///< Forget the best value when a run starts; else the next run has to beat it.
  bool verbose = false;        ///< Say at each epoch what was decided.
  std::FILE* output = stdout;  ///< Where to say it.

  /// What it has seen.
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
    detail::require_recordable(event.run, watch_metric, "EarlyStopping::watch_metric");
    if (patience < 0) {
      throw std::invalid_argument(sentence("EarlyStopping::patience is {}. Give 0 or more epochs.", {patience}));
    }
    if (detail::is_nan(min_delta) || min_delta < 0.0) {
      throw std::invalid_argument(sentence("EarlyStopping::min_delta is {}. Give 0 or more.", {min_delta}));
    }
    check("stopping_threshold", stopping_threshold);
    check("divergence_threshold", divergence_threshold);
    if (reset_on_train) state = {};
  }

  /// Takes the next value of the metric. The reason to stop now, if there is one.
  std::optional<std::string> observe(double value) {
    state.last = value;
    if (const auto reason = threshold_crossed_by(value)) return reason;
    const bool improves = !detail::is_nan(value) && (!state.best || gain(*state.best, value) > least_gain());
    if (improves) state.best = value;
    state.waited = improves ? 0 : state.waited + 1;
    return out_of_patience();
  }

  void on_training_run_epoch_end(const TrainingRunEpochEnd& event) {
    const auto value = detail::value_of_epoch(event.run, watch_metric, "EarlyStopping::watch_metric");
    if (!value || event.run.config().fast_dev_run) return;
    const State before = state;
    const std::optional<std::string> reason = observe(*value);
    if (verbose && event.run.is_world_process_zero()) say_what_changed(before);
    if (reason) event.run.request_stop(*reason);
  }

  /// A run that goes on from where it was stopped is stopped again, unless the settings have changed.
  void on_load_checkpoint(const LoadCheckpoint& event) {
    if (!state.last || event.run.config().fast_dev_run) return;
    if (const auto reason = threshold_crossed_by(*state.last)) return event.run.request_stop(*reason);
    if (const auto reason = out_of_patience()) event.run.request_stop(*reason);
  }

 private:
  [[nodiscard]] std::optional<std::string> threshold_crossed_by(double value) const {
    if (check_finite && !detail::is_finite(value)) {
      return sentence("Stopping training because `{}` is {}", {watch_metric, value});
    }
    if (detail::is_nan(value)) return std::nullopt;
    if (stopping_threshold && gain(*stopping_threshold, value) > 0.0) {
      return sentence("Stopping training because `{}` is {}, better than the stopping threshold {}",
                      {watch_metric, value, *stopping_threshold});
    }
    if (divergence_threshold && gain(*divergence_threshold, value) < 0.0) {
      return sentence("Stopping training because `{}` is {}, worse than the divergence threshold {}",
                      {watch_metric, value, *divergence_threshold});
    }
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::string> out_of_patience() const {
    if (state.waited < patience) return std::nullopt;
    return sentence("Stopping training due to no improvement after {} epochs", {patience});
  }
  /// How much better `to` is than `from`.
  [[nodiscard]] double gain(double from, double to) const { return greater_is_better ? to - from : from - to; }
  /// An improvement on the best value is more than this.
  [[nodiscard]] double least_gain() const {
    if (threshold_mode == ThresholdMode::absolute) return min_delta;
    return detail::is_finite(*state.best) ? min_delta * std::abs(*state.best) : 0.0;
  }
  /// Silent about a first value, and about one that was not compared.
  void say_what_changed(const State& before) const {
    if (state.waited > before.waited) {
      detail::put(output, "No improvement above threshold observed, incrementing counter.\n");
    } else if (before.best && state.best != before.best) {
      detail::put(output,
                  sentence("\nImprovement of {} observed, resetting counter.\n", {gain(*before.best, *state.best)}));
    } else {
      return;
    }
    detail::put(output, sentence("Early stopping counter: {}/{}\n", {state.waited, patience}));
  }
  static void check(const char* name, std::optional<double> threshold) {
    if (threshold && detail::is_nan(*threshold)) {
      throw std::invalid_argument(sentence("EarlyStopping::{} is nan. Give a number, or leave it out.", {name}));
    }
  }
};

}  // namespace hone
