// SPDX-License-Identifier: Apache-2.0
/// What a run resolved to, once its options met the data. Frozen: callbacks and schedules read it.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace hone {

/// The resolved facts of one run. Counts are those of this process; an empty optional means that
/// the loader has no length.
struct RunConfig {
  /// `num_epochs` of a run without such a limit.
  static constexpr std::int64_t unlimited_epochs = std::numeric_limits<std::int64_t>::max();

  std::int64_t num_epochs = 0;                   ///< Epochs that this run will do at most.
  std::int64_t train_per_device_batch_size = 0;  ///< Samples; 0 where the range does not say, and without one.
  std::int64_t eval_per_device_batch_size = 0;   ///< Samples; 0 where the range does not say, and without one.
  std::int64_t num_batches_per_update = 1;       ///< Batches to one update; 1 in a run that makes no updates.
  bool has_evaluation = true;                    ///< False in a training run without data to evaluate on.
  std::optional<std::int64_t> num_train_batches_per_epoch;  ///< Batches of this process, after limits.
  std::optional<std::int64_t> num_eval_batches_per_epoch;   ///< Batches of this process, after limits.
  std::optional<std::int64_t> num_updates_per_epoch;        ///< The short last window counts as one.
  std::optional<std::int64_t> max_updates;                  ///< Updates after which the run ends, if limited.
  std::int64_t min_num_epochs = 0;                          ///< Epochs before a requested stop takes effect.
  std::int64_t min_updates = 0;                             ///< Updates before a requested stop takes effect.
  std::optional<std::chrono::duration<double>> max_time;    ///< Wall time after which the run ends, if limited.
  std::optional<std::uint64_t> seed;                        ///< As given in the options.
  std::optional<std::int64_t> batch_limit;   ///< Most batches of an epoch, by the options and the environment.
  std::int64_t overfit_batches = 0;          ///< Batches that every epoch repeats; 0 without.
  std::int64_t evaluate_every_n_epochs = 1;  ///< Epochs of training from one evaluation to the next.
  bool fast_dev_run = false;                 ///< Tries a program out: write no files, stop nothing.
  int num_threads = 0;                       ///< Threads of the operators of LibTorch.
  int num_processes = 1;                     ///< World size.
  int process_index = 0;                     ///< Rank.
  std::string device;                        ///< `cpu`, `cuda:0`, ...
  std::string precision;                     ///< The name of the precision policy.

  /// Samples that one update sees over all processes, when batches are full.
  [[nodiscard]] std::int64_t train_total_batch_size() const {
    return train_per_device_batch_size * num_processes * num_batches_per_update;
  }
  /// Samples that one evaluated batch has over all processes.
  [[nodiscard]] std::int64_t eval_total_batch_size() const { return eval_per_device_batch_size * num_processes; }
  /// Whether an evaluation is due when this epoch ends.
  [[nodiscard]] bool evaluates_after(std::int64_t epoch) const { return epoch % evaluate_every_n_epochs == 0; }
  [[nodiscard]] bool is_distributed() const { return num_processes > 1; }
  [[nodiscard]] bool is_world_process_zero() const { return process_index == 0; }
  /// Updates that the run will do unless it is stopped; empty when the loader has no length and no limit was given.
  [[nodiscard]] std::optional<std::int64_t> num_updates() const {
    if (!num_updates_per_epoch || num_epochs == unlimited_epochs) return max_updates;
    const auto all = *num_updates_per_epoch * num_epochs;
    return max_updates && *max_updates < all ? *max_updates : all;
  }
};

}  // namespace hone
