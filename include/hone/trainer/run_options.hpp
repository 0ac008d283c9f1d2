// SPDX-License-Identifier: Apache-2.0
/// What can be said about a run: aggregates with defaults, written with designated initialisers.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "hone/core/require.hpp"
#include "hone/core/run_config.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

namespace detail {

/// Samples on each device.
inline constexpr std::int64_t default_batch_size = 8;

inline std::string text_of(bool value) { return value ? "true" : "false"; }
inline std::string text_of(std::int64_t value) { return std::to_string(value); }

inline void require_order(std::string_view smaller, std::int64_t min, std::string_view larger, std::int64_t max) {
  if (min <= max) return;
  throw std::invalid_argument(
      sentence("{} is {}, but {} is {}. Give {} or less, or raise {}.", {smaller, min, larger, max, max, larger}));
}
/// Refuses an option that a range of batches, which has batches of its own, would ignore.
template <class T>
void require_not_given(std::string_view option, const std::optional<T>& value) {
  if (!value) return;
  throw std::invalid_argument(sentence(
      "{} is {}, but the data is a range of batches, which are what they are. Leave {} out and set it where the "
      "loader is made, or give the dataset itself.",
      {option, text_of(*value), option}));
}
inline void require_some_time(std::string_view option, const std::optional<std::chrono::duration<double>>& time) {
  if (!time || time->count() > 0.0) return;  // NaN is refused too
  throw std::invalid_argument(sentence("{} is {} s. Give more than 0.", {option, time->count()}));
}

}  // namespace detail

/// Options of a training run.
///
/// `per_device_batch_size`, `shuffle`, `drop_last` and `eval_per_device_batch_size` are for datasets. Beside data that
/// is a range of batches already they are an error, unless the trainer has an override that makes the loader.
///
/// **Units** num_epochs: passes through the data; max_updates: optimizer updates, of which the run ends with
/// whatever limit comes first; min_num_epochs, min_updates: whole epochs and updates before which a stop that a
/// callback requests is held back; max_time: wall time since the run began, looked at after each update; batch sizes:
/// samples on each device; num_threads: of LibTorch's operators, 0 leaves it to the threads policy; the trial options
/// at the end: batches, 0 is off.
/// **Errors** `std::invalid_argument` for values out of range, for a minimum above its maximum, and for options about
/// evaluations in a run without an evaluation set, before anything has happened.
/// **Cost** with `max_time`, the clock is read after each update; without it, never.
struct TrainOptions {
  std::int64_t num_epochs = 1;
  std::optional<std::int64_t> per_device_batch_size = {};       ///< 8 unless given.
  std::optional<std::int64_t> eval_per_device_batch_size = {};  ///< As for training unless given.
  std::optional<std::int64_t> max_updates = {};
  std::int64_t min_num_epochs = 0;
  std::int64_t min_updates = 0;
  std::optional<std::chrono::duration<double>> max_time = {};  ///< Ends the run as a requested stop does.
  std::int64_t evaluate_every_n_epochs = 1;                    ///< Counted as the history counts: epochs n, 2n, ...
  std::optional<bool> shuffle = {};                            ///< A new order in each epoch. On unless given.
  std::optional<bool> drop_last = {};  ///< Leaves out a last batch that is shorter than the others. Off unless given.
  bool reset_run_history = true;       ///< False: the history goes on, its epochs and updates count on.
  std::optional<std::uint64_t> seed = {};  ///< Seeds LibTorch's generators and the order of the data; else they go on.
  int num_threads = 0;
  /// Tries the program out: one epoch with so many batches of training and of evaluation, from the beginning. Callbacks
  /// of hone write no files and stop nothing then, and minima do not count.
  std::int64_t fast_dev_run = 0;
  /// Every epoch has the same so many first batches, in one order, to see whether the model can learn them by heart.
  /// The evaluation has as many. A loader of the user's own is asked for its first epoch again and again.
  std::int64_t overfit_batches = 0;
  /// Batches that are evaluated before training, so that an evaluation that fails does so at once. Nothing is recorded,
  /// callbacks hear of an exception only, and training goes as it would have without. A range that can be walked
  /// through only once lacks them later.
  std::int64_t num_sanity_eval_batches = 0;

  [[nodiscard]] std::int64_t batch_size() const { return per_device_batch_size.value_or(detail::default_batch_size); }
  [[nodiscard]] bool shuffles() const { return shuffle.value_or(true) && overfit_batches == 0; }

  /// Refuses options that say how the training dataset becomes batches, where the data is a range of batches.
  ///
  /// **Errors** `std::invalid_argument`.
  void require_none_of_loader() const {
    detail::require_not_given("per_device_batch_size", per_device_batch_size);
    detail::require_not_given("shuffle", shuffle);
    detail::require_not_given("drop_last", drop_last);
  }

  void check() const {
    detail::require_at_least("num_epochs", num_epochs, 0);
    detail::require_at_least("per_device_batch_size", per_device_batch_size, 1);
    detail::require_at_least("eval_per_device_batch_size", eval_per_device_batch_size, 1);
    detail::require_at_least("max_updates", max_updates, 1);
    detail::require_at_least("min_num_epochs", min_num_epochs, 0);
    detail::require_at_least("min_updates", min_updates, 0);
    detail::require_order("min_num_epochs", min_num_epochs, "num_epochs", num_epochs);
    detail::require_order("min_updates", min_updates, "max_updates", max_updates.value_or(min_updates));
    detail::require_some_time("max_time", max_time);
    detail::require_at_least("evaluate_every_n_epochs", evaluate_every_n_epochs, 1);
    detail::require_at_least("fast_dev_run", fast_dev_run, 0);
    detail::require_at_least("overfit_batches", overfit_batches, 0);
    detail::require_at_least("num_sanity_eval_batches", num_sanity_eval_batches, 0);
    detail::require_at_least("num_threads", num_threads, 0);
  }
};

/// Options of a run of `evaluate` or `predict`.
///
/// **Units** per_device_batch_size: samples, 8 unless given; an error beside a range of batches. num_threads: as for
/// training.
struct EvaluateOptions {
  std::optional<std::int64_t> per_device_batch_size = {};
  int num_threads = 0;

  [[nodiscard]] std::int64_t batch_size() const { return per_device_batch_size.value_or(detail::default_batch_size); }

  void require_none_of_loader() const { detail::require_not_given("per_device_batch_size", per_device_batch_size); }

  void check() const {
    detail::require_at_least("per_device_batch_size", per_device_batch_size, 1);
    detail::require_at_least("num_threads", num_threads, 0);
  }
};

/// Options of a run that `begin_run` opens; see `TrainOptions` for what they have in common.
///
/// **Units** num_batches_per_epoch: batches of this process after which an epoch ends by itself; without it, an epoch
/// lasts until `end_epoch` or `end`. num_epochs, max_updates, max_time: limits, none by default. A schedule
/// that depends on the length of the run needs `max_updates`, or `num_epochs` and `num_batches_per_epoch`.
/// **Errors** `std::invalid_argument` for values out of range.
struct RunOptions {
  std::optional<std::int64_t> num_batches_per_epoch = {};
  std::optional<std::int64_t> num_epochs = {};
  std::optional<std::int64_t> max_updates = {};
  std::int64_t min_num_epochs = 0;
  std::int64_t min_updates = 0;
  std::optional<std::chrono::duration<double>> max_time = {};
  std::optional<std::int64_t> eval_per_device_batch_size = {};  ///< 8 unless given.
  std::int64_t evaluate_every_n_epochs = 1;
  bool reset_run_history = true;
  std::optional<std::uint64_t> seed = {};  ///< Seeds LibTorch's generators.
  int num_threads = 0;                     ///< Of each step; 0 leaves it to the threads policy.

  void check() const {
    detail::require_at_least("num_batches_per_epoch", num_batches_per_epoch, 1);
    detail::require_at_least("num_epochs", num_epochs, 0);
    common().check();
  }
  /// The options of `train` that say the same.
  [[nodiscard]] TrainOptions common() const {
    TrainOptions options;
    options.num_epochs = num_epochs.value_or(RunConfig::unlimited_epochs);
    options.eval_per_device_batch_size = eval_per_device_batch_size;
    options.max_updates = max_updates;
    options.min_num_epochs = min_num_epochs;
    options.min_updates = min_updates;
    options.max_time = max_time;
    options.evaluate_every_n_epochs = evaluate_every_n_epochs;
    options.reset_run_history = reset_run_history;
    options.seed = seed;
    options.num_threads = num_threads;
    return options;
  }
};

}  // namespace hone
