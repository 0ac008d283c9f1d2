// SPDX-License-Identifier: Apache-2.0
/// The interface of a run to callbacks: its progress, its history, and requests to stop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hone/core/run_config.hpp"
#include "hone/core/serialize.hpp"
#include "hone/fwd.hpp"
#include "hone/history/run_history.hpp"

namespace hone {

/// One training, evaluation, or prediction run.
class Run {
 public:
  [[nodiscard]] const RunConfig& config() const { return config_; }  ///< Returns the resolved options.
  /// Returns the recorded values; a callback may record in it.
  [[nodiscard]] RunHistory& history() { return history_; }
  [[nodiscard]] const RunHistory& history() const { return history_; }

  /// Returns the current phase.
  [[nodiscard]] Phase phase() const { return phase_; }
  /// Returns the current epoch. The first epoch is 1; a run that continues a history continues its count.
  [[nodiscard]] std::int64_t epoch() const { return history_.current_epoch(); }
  /// Returns the number of epochs that this run has completed.
  [[nodiscard]] std::int64_t num_epochs() const { return num_epochs_; }
  /// Returns the number of optimizer updates of this run.
  [[nodiscard]] std::int64_t num_updates() const { return num_updates_; }
  /// Returns the index of the current batch within its epoch, from 0; between batches, the index of the next batch.
  [[nodiscard]] std::int64_t batch() const { return batch_; }
  /// Returns the number of batches of the current epoch, after limits; empty if it is unknown.
  [[nodiscard]] std::optional<std::int64_t> num_batches() const { return num_batches_; }

  /// Requests that the run ends after the current update. All end events are still dispatched, and the history records
  /// the first reason. The stop is deferred until `min_num_epochs` and `min_updates` are reached. With several ranks,
  /// any rank can request a stop: requests are all-reduced in each update and at the end of each epoch and evaluation,
  /// and then take effect on all ranks. Not thread-safe: from another thread than the trainer's, use `StopOnRequest`.
  void request_stop(std::string reason) {
    if (config_.is_distributed() && stop_ != Stop::none) return;  // synchronized already
    Stop& stop = config_.is_distributed() ? asked_ : stop_;
    if (stop == Stop::none) reason_ = std::move(reason);
    if (stop != Stop::before_update) stop = Stop::after_update;
  }
  /// Requests that the run ends without another update. When called in `on_train_loss`, the gradients of the current
  /// batch and of the open accumulation window are discarded. The stop is never deferred. With several losses, skips the
  /// update of the loss in whose event it is called, and of the losses after it. If a loss before it has updated in this
  /// step, the step counts as an update, because that optimizer's step cannot be undone.
  void request_stop_before_update(std::string reason) {
    Stop& stop = config_.is_distributed() ? asked_ : stop_;
    if (!stop_requested() && stop != Stop::before_update) reason_ = std::move(reason);
    stop = Stop::before_update;
  }
  /// True if a stop was requested and is not deferred; with several ranks, from their next synchronization on.
  [[nodiscard]] bool stop_requested() const {
    return stop_ != Stop::none && (stop_ == Stop::before_update || is_past_minimum());
  }
  /// Returns the reason of a requested stop, also while the stop is deferred; empty without a request.
  [[nodiscard]] std::string_view stop_reason() const { return reason_; }

  /// True if a stop has ended the current epoch before its last batch; at a `ResumePoint`, also if a stop has cut the
  /// epoch's evaluations short. A resumed run completes the epoch.
  [[nodiscard]] bool epoch_was_cut_short() const { return is_cut_short_; }

  /// True if a callback has put averaged weights into the model at the end of the run.
  [[nodiscard]] bool has_averaged_model() const { return has_averaged_model_; }
  /// Called by a callback that has done so, so that callbacks after it keep these weights.
  void set_has_averaged_model() { has_averaged_model_ = true; }

  /// Saves the run's progress, history, and deferred stop in an archive, or restores them. A stop that has taken effect
  /// is not saved, because the resumed run continues.
  void serialize(auto& archive) {
    serialize_count(archive, "num_epochs", num_epochs_);
    serialize_count(archive, "num_updates", num_updates_);
    serialize_count(archive, "batch", batch_);
    archive("history", history_);
    if (archive.is_loading) history_.set_stop_reason(std::nullopt);
    serialize_held_stop(archive);
  }

  /// True on rank 0, which prints and writes files.
  [[nodiscard]] bool is_world_process_zero() const { return config_.is_world_process_zero(); }

 protected:
  enum class Stop { none, after_update, before_update };

  [[nodiscard]] bool is_past_minimum() const {
    return num_updates_ >= config_.min_updates && num_epochs_ >= config_.min_num_epochs;
  }

  /// Begins a run. Training resets the counts of epochs and updates; evaluation and prediction keep them, because they
  /// do not change weights.
  void begin(Phase phase, RunConfig config) {
    config_ = std::move(config);
    if (phase == Phase::train) {
      num_epochs_ = 0;
      num_updates_ = 0;
    }
    stop_ = asked_ = Stop::none;
    reason_.clear();
    is_cut_short_ = false;
    has_averaged_model_ = false;
    history_.set_stop_reason(std::nullopt);
    begin_epoch(phase, std::nullopt);
  }
  void begin_epoch(Phase phase, std::optional<std::int64_t> num_batches) {
    phase_ = phase;
    num_batches_ = num_batches;
    batch_ = 0;
  }
  void forget_stop() {
    if (stop_ == Stop::none && asked_ == Stop::none) [[likely]]
      return;
    stop_ = asked_ = Stop::none;
    reason_.clear();
  }
  void end_epoch() {
    history_.increment_epoch();
    ++num_epochs_;
    batch_ = 0;
    is_cut_short_ = false;
  }

  /// Applies a stop request after all ranks have synchronized it.
  void settle(bool before_update, std::string reason) {
    asked_ = Stop::none;
    stop_ = before_update ? Stop::before_update : Stop::after_update;
    reason_ = std::move(reason);
  }

  /// The position of a run within an epoch, which an evaluation saves and restores.
  struct Place {
    Phase phase;
    std::optional<std::int64_t> num_batches;
    std::int64_t batch;
  };
  [[nodiscard]] Place place() const { return {phase_, num_batches_, batch_}; }
  void return_to(const Place& place) {
    phase_ = place.phase;
    num_batches_ = place.num_batches;
    batch_ = place.batch;
  }

  void serialize_held_stop(auto& archive) {
    const bool is_held = (stop_ == Stop::after_update || asked_ == Stop::after_update) && !is_past_minimum();
    std::optional<std::string> agreed, asked;
    if (!archive.is_loading && is_held) (stop_ == Stop::after_update ? agreed : asked) = reason_;
    if constexpr (requires { archive.contains("held_stop"); }) {
      if (!archive.contains("held_stop")) return;
    }
    archive("held_stop", agreed);
    archive("asked_stop", asked);
    if (!archive.is_loading) return;
    stop_ = agreed ? Stop::after_update : Stop::none;
    asked_ = asked ? Stop::after_update : Stop::none;
    reason_ = agreed ? *agreed : asked.value_or("");
  }

  /// Returns a copy of this run, for `resume` after an inner run. The history stays in this object.
  [[nodiscard]] Run suspend() {
    Run outer = *this;
    outer.history_ = {};
    outer.outer_stop_reason_ = history_.stop_reason();
    return outer;
  }
  /// Restores a suspended run, with the history as the inner run left it. `is_open`: the outer run has not ended. If
  /// so, or if the inner run recorded no stop reason, restores the history's stop reason too.
  void resume(Run&& outer, bool is_open) {
    outer.history_ = std::move(history_);
    if (is_open || !outer.history_.stop_reason()) {
      outer.history_.set_stop_reason(std::move(outer.outer_stop_reason_));
    }
    *this = std::move(outer);
  }

  RunConfig config_;
  RunHistory history_;
  std::int64_t num_epochs_ = 0;
  std::int64_t num_updates_ = 0;
  std::int64_t batch_ = 0;
  std::optional<std::int64_t> num_batches_;
  Phase phase_ = Phase::train;
  Stop stop_ = Stop::none;
  Stop asked_ = Stop::none;  ///< Requested on this rank, and not synchronized yet.
  std::string reason_;
  std::optional<std::string> outer_stop_reason_;  ///< The history's stop reason when this run was suspended.
  bool is_cut_short_ = false;
  bool has_averaged_model_ = false;
};

}  // namespace hone
