// SPDX-License-Identifier: Apache-2.0
/// Detection of stragglers among the ranks of a training run.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

/// Prints a line when a rank takes more than `ratio` times as long for a batch's own work as the median rank.
///
/// Own work is getting the batch, forward, and loss. Backward and the update are excluded, because the ranks wait for
/// the straggler there, in the all-reduce of gradients. The mean over `every_n_batches` batches is compared; the first
/// two batches of a run are warm-up and do not count. All ranks must have the callback, with the same
/// `every_n_batches`. On GPUs it measures host time only. Own work includes waiting for other ranks in the forward pass
/// with `SyncBatchNorm`, and before each batch with a loader without length.
///
/// **Units** every_n_batches: batches of training, at least 1; ratio: above 1.
/// **Cost** three reads of the clock per batch; one all-gather of a number every `every_n_batches` batches. A single
/// rank compares nothing.
/// **Errors** `std::invalid_argument` for settings out of range, when a run begins.
/// **Example** prints `Stragglers: rank 2 takes 31.2 ms per batch for data loading and forward, and the median is 12.1
/// ms (mean over 100 batches until batch 102 of epoch 1; ranks in order: 11.9, 12.3, 31.2, 12.1).`
struct StragglerDetector {
  static constexpr bool is_collective = true;  ///< The comparison is an all-gather.

  double ratio = 2.0;
  std::int64_t every_n_batches = 100;
  std::FILE* output = stderr;  ///< The stream of the warnings.

  using Clock = std::chrono::steady_clock;
  /// Measurements since the last comparison.
  struct Measured {
    Clock::time_point started{}, ended{};  ///< Times of the last batch.
    Clock::duration own{};                 ///< Own work of the last batch.
    double sum = 0.0;                      ///< Own work, in milliseconds.
    std::int64_t num_batches = 0;          ///< Batches in `sum`.
    int num_unready = 2;                   ///< Warm-up batches that are left.
    bool has_ended = false;                ///< True if `ended` is the end of a batch of this epoch.
    bool has_loss = false;                 ///< The first loss of the batch is computed; with `Losses`, more follow.
  };
  Measured measured{};  ///< The state of the measurement, not a setting.

  void on_training_run_start(const TrainingRunStart&) {
    if (detail::is_nan(ratio) || ratio <= 1.0) {
      throw std::invalid_argument(
          format_message("StragglerDetector::ratio is {}. Set it to a number greater than 1.", {ratio}));
    }
    if (every_n_batches < 1) {
      throw std::invalid_argument(
          format_message("StragglerDetector::every_n_batches is {}. Set it to 1 or greater.", {every_n_batches}));
    }
    measured = {};
  }
  void on_train_epoch_start(const TrainEpochStart&) { measured.has_ended = false; }
  void on_eval_epoch_start(const EvalEpochStart&) { measured.has_ended = false; }
  void on_train_step_start(const TrainStepStart&) {
    const auto now = Clock::now();
    measured.own = measured.has_ended ? now - measured.ended : Clock::duration(0);
    measured.started = now;
    measured.has_loss = false;
  }
  void on_train_loss(const TrainLoss&) {
    if (!std::exchange(measured.has_loss, true)) measured.own += Clock::now() - measured.started;
  }
  void on_train_step_end(const auto& event) {
    if (measured.num_unready > 0) {
      --measured.num_unready;
    } else {
      measured.sum += std::chrono::duration<double, std::milli>(measured.own).count();
      if (++measured.num_batches == every_n_batches) compare(event);
    }
    measured.ended = Clock::now();
    measured.has_ended = true;
  }

 private:
  void compare(const auto& event) {
    const double mean = measured.sum / static_cast<double>(measured.num_batches);
    measured.sum = 0.0;
    measured.num_batches = 0;
    if constexpr (requires { event.trainer.distribution().all_gather_strings(std::string()); }) {
      const auto& processes = event.trainer.distribution();
      if (processes.world_size() == 1) return;
      const auto times = processes.all_gather_strings(format_message("{}", {mean}));
      if (event.run.is_world_process_zero()) report(event.run, times);
    } else {
      static_cast<void>(mean);
    }
  }
  /// Prints a line if one of `times`, the milliseconds per batch of each rank, is that of a straggler.
  void report(const Run& run, const std::vector<std::string>& times) const;
};

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/callbacks/straggler_detector.ipp"
#endif
