// SPDX-License-Identifier: Apache-2.0
/// The settings of a run, resolved from its options and its data. They are constant during the run.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace hone {

/// The resolved settings of one run, for callbacks and schedules. Counts are per rank. An optional count is empty if
/// the loader has no length.
struct RunConfig {
  /// `num_epochs` of a run without a limit on epochs.
  static constexpr std::int64_t unlimited_epochs = std::numeric_limits<std::int64_t>::max();

  std::int64_t num_epochs = 0;                   ///< Maximum number of epochs.
  std::int64_t train_per_device_batch_size = 0;  ///< Samples; 0 without training data or a known batch size.
  std::int64_t eval_per_device_batch_size = 0;   ///< Samples; 0 without evaluation data or a known batch size.
  std::int64_t num_batches_per_update = 1;       ///< Batches per update; 1 in a run without updates.
  bool has_evaluation = true;                    ///< False in a training run without evaluation data.
  std::optional<std::int64_t> num_train_batches_per_epoch;  ///< After limits.
  std::optional<std::int64_t> num_eval_batches_per_epoch;   ///< After limits.
  std::optional<std::int64_t> num_updates_per_epoch;        ///< Includes the update of a short last window.
  std::optional<std::int64_t> max_updates;                  ///< Updates after which the run ends, if limited.
  std::int64_t min_num_epochs = 0;                          ///< Epochs before a requested stop takes effect.
  std::int64_t min_updates = 0;                             ///< Updates before a requested stop takes effect.
  std::optional<std::chrono::duration<double>> max_time;    ///< Wall time after which the run ends, if limited.
  std::optional<std::uint64_t> seed;                        ///< The seed of the options.
  std::optional<std::int64_t> batch_limit;   ///< Maximum per epoch, from the options and the environment.
  std::int64_t overfit_batches = 0;          ///< Batches that every epoch repeats; 0 without this option.
  std::int64_t evaluate_every_n_epochs = 1;  ///< Training epochs per evaluation.
  bool fast_dev_run = false;                 ///< A short test run: callbacks write no files, `EarlyStopping` is off.
  int num_threads = 0;                       ///< Intra-op threads of LibTorch.
  int num_processes = 1;                     ///< World size.
  int process_index = 0;                     ///< Rank.
  std::string device;                        ///< `cpu`, `cuda:0`, ...
  std::string precision;                     ///< The name of the precision policy.

  /// Returns the number of samples of one update over all ranks, if every batch is full.
  [[nodiscard]] std::int64_t train_total_batch_size() const {
    return train_per_device_batch_size * num_processes * num_batches_per_update;
  }
  /// Returns the number of samples of one evaluation batch over all ranks, if every batch is full.
  [[nodiscard]] std::int64_t eval_total_batch_size() const { return eval_per_device_batch_size * num_processes; }
  /// Returns whether an evaluation is due at the end of `epoch`, counted from 1.
  [[nodiscard]] bool evaluates_after(std::int64_t epoch) const { return epoch % evaluate_every_n_epochs == 0; }
  [[nodiscard]] bool is_distributed() const { return num_processes > 1; }  ///< Returns whether there are several ranks.
  /// True on rank 0, which prints and writes files.
  [[nodiscard]] bool is_world_process_zero() const { return process_index == 0; }
  /// Returns the number of updates of a run that is not stopped. Empty without `max_updates` if the loader has no
  /// length or `num_epochs` is unlimited.
  [[nodiscard]] std::optional<std::int64_t> num_updates() const {
    if (!num_updates_per_epoch || num_epochs == unlimited_epochs) return max_updates;
    const auto all = *num_updates_per_epoch * num_epochs;
    return max_updates && *max_updates < all ? *max_updates : all;
  }
};

}  // namespace hone
