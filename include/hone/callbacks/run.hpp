// SPDX-License-Identifier: Apache-2.0
/// A run as callbacks see it: where it stands, what it recorded, and the one lever they have, the stop.
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

/// One training, evaluation or prediction run.
class Run {
 public:
  [[nodiscard]] const RunConfig& config() const { return config_; }
  [[nodiscard]] RunHistory& history() { return history_; }
  [[nodiscard]] const RunHistory& history() const { return history_; }

  /// What the run is doing now.
  [[nodiscard]] Phase phase() const { return phase_; }
  /// The epoch at hand; the first is 1, and a run that continues a history counts on.
  [[nodiscard]] std::int64_t epoch() const { return history_.current_epoch(); }
  /// Epochs that this run has completed.
  [[nodiscard]] std::int64_t num_epochs() const { return num_epochs_; }
  /// Optimizer updates that this run has done.
  [[nodiscard]] std::int64_t num_updates() const { return num_updates_; }
  /// The index of the current batch within its epoch; the first is 0.
  [[nodiscard]] std::int64_t batch() const { return batch_; }
  /// Batches of the epoch at hand; empty when the loader has no length.
  [[nodiscard]] std::optional<std::int64_t> num_batches() const { return num_batches_; }

  /// Ends the run after the update at hand. Every end event still happens; the reason is in the history.
  /// The first reason stands. Before `min_num_epochs` and `min_updates` the stop is held back.
  /// With many processes, any of them may ask: all end together, when they next agree, which they do in each update and
  /// at the end of each epoch and evaluation.
  void request_stop(std::string reason) {
    if (config_.is_distributed() && stop_ != Stop::none) return;  // all have agreed
    Stop& stop = config_.is_distributed() ? asked_ : stop_;
    if (stop == Stop::none) reason_ = std::move(reason);
    if (stop != Stop::before_update) stop = Stop::after_update;
  }
  /// Ends the run and leaves the weights as they are: heard in `on_train_loss`, the batch at hand is not learned from
  /// and the gradients of an open accumulation window are dropped. It is never held back.
  void request_stop_before_update(std::string reason) {
    Stop& stop = config_.is_distributed() ? asked_ : stop_;
    if (!stop_requested() && stop != Stop::before_update) reason_ = std::move(reason);
    stop = Stop::before_update;
  }
  /// True when a stop was requested and is not held back.
  [[nodiscard]] bool stop_requested() const {
    return stop_ != Stop::none && (stop_ == Stop::before_update || is_past_minimum());
  }
  /// Empty while no stop was requested; of a stop that is held back, its reason.
  [[nodiscard]] std::string_view stop_reason() const { return reason_; }

  /// True when a stop has ended the current epoch before its last batch, and at a `ResumePoint` also when it has cut
  /// the epoch's evaluations short. A run that resumes completes the epoch.
  [[nodiscard]] bool epoch_was_cut_short() const { return is_cut_short_; }

  /// Saves the place of the run in an archive, or restores it. Includes a stop that is held back. A stop that takes
  /// effect is not saved, because the resumed run is to continue.
  void serialize(auto& archive) {
    serialize_count(archive, "num_epochs", num_epochs_);
    serialize_count(archive, "num_updates", num_updates_);
    serialize_count(archive, "batch", batch_);
    archive("history", history_);
    if (archive.is_loading) history_.set_stop_reason(std::nullopt);
    serialize_held_stop(archive);
  }

  /// True in the process that prints and writes files.
  [[nodiscard]] bool is_world_process_zero() const { return config_.is_world_process_zero(); }

 protected:
  enum class Stop { none, after_update, before_update };

  [[nodiscard]] bool is_past_minimum() const {
    return num_updates_ >= config_.min_updates && num_epochs_ >= config_.min_num_epochs;
  }

  /// Training counts from 0. Evaluation and prediction keep the counts: they change no weights.
  void begin(Phase phase, RunConfig config) {
    config_ = std::move(config);
    if (phase == Phase::train) {
      num_epochs_ = 0;
      num_updates_ = 0;
    }
    stop_ = asked_ = Stop::none;
    reason_.clear();
    is_cut_short_ = false;
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

  /// The processes agree to stop.
  void settle(bool before_update, std::string reason) {
    asked_ = Stop::none;
    stop_ = before_update ? Stop::before_update : Stop::after_update;
    reason_ = std::move(reason);
  }

  /// Where a run stands within an epoch, for an evaluation in between.
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

  /// Puts this run aside for one inside of it, which shares the history.
  [[nodiscard]] Run suspend() {
    Run outer = *this;
    outer.history_ = {};
    outer.outer_stop_reason_ = history_.stop_reason();
    return outer;
  }
  /// Continues a run that was put aside. `is_open`: it has not ended, so that the stop reason of the inner run is not
  /// its.
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
  Stop asked_ = Stop::none;  ///< By this process, and not agreed on yet.
  std::string reason_;
  std::optional<std::string> outer_stop_reason_;  ///< The history's, while this run is put aside.
  bool is_cut_short_ = false;
};

}  // namespace hone
