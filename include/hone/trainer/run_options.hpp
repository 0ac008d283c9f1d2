// SPDX-License-Identifier: Apache-2.0
/// Options of runs: aggregates with defaults, for designated initializers.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "hone/core/format_message.hpp"
#include "hone/core/require.hpp"
#include "hone/core/run_config.hpp"

namespace hone {

namespace detail {

/// **Units** samples per device.
inline constexpr std::int64_t default_batch_size = 8;

inline std::string text_of(bool value) { return value ? "true" : "false"; }
inline std::string text_of(std::int64_t value) { return std::to_string(value); }

inline void require_order(std::string_view smaller, std::int64_t min, std::string_view larger, std::int64_t max) {
  if (min <= max) return;
  throw std::invalid_argument(format_message("{} is {}, but {} is {}. Set it to {} or less, or increase {}.",
                                             {smaller, min, larger, max, max, larger}));
}
/// Throws `std::invalid_argument` if an option is set that has no effect, because the data is a range of batches.
template <class T>
void require_not_given(std::string_view option, const std::optional<T>& value) {
  if (!value) return;
  throw std::invalid_argument(
      format_message("{} is {}, but the data is already a range of batches. Remove {} and set it where the loader is "
                     "constructed, or pass the dataset.",
                     {option, text_of(*value), option}));
}
inline void require_some_time(std::string_view option, const std::optional<std::chrono::duration<double>>& time) {
  if (!time || time->count() > 0.0) return;  // NaN is refused too
  throw std::invalid_argument(format_message("{} is {} s. Set it to a value greater than 0.", {option, time->count()}));
}

}  // namespace detail

/// Options of a training run.
///
/// `per_device_batch_size`, `shuffle`, `drop_last` and `eval_per_device_batch_size` apply to datasets. If the data is a
/// range of batches, they are an error, unless the trainer has an override that makes the loader.
///
/// The run ends at the first limit that it reaches. A stop that a callback requests with `request_stop` takes effect
/// only after `min_num_epochs` epochs and `min_updates` updates.
///
/// **Units** num_epochs, min_num_epochs: passes through the data; max_updates, min_updates: optimizer updates;
/// max_time: wall time since the run began; batch sizes: samples per device; num_threads: threads of LibTorch's
/// operators, 0 for the choice of the threads policy; the trial options at the end: batches, 0 turns one off.
/// **Errors** `std::invalid_argument`, before the run begins, for values out of range, for a minimum above its maximum,
/// and for options about evaluations in a run without an evaluation set.
/// **Cost** with `max_time`, one reading of the clock after each update.
struct TrainOptions {
  std::int64_t num_epochs = 1;
  std::optional<std::int64_t> per_device_batch_size = {};       ///< Default 8.
  std::optional<std::int64_t> eval_per_device_batch_size = {};  ///< Default: as for training.
  std::optional<std::int64_t> max_updates = {};
  std::int64_t min_num_epochs = 0;
  std::int64_t min_updates = 0;
  std::optional<std::chrono::duration<double>> max_time = {};  ///< When it has elapsed, requests a stop.
  std::int64_t evaluate_every_n_epochs = 1;                    ///< Evaluates after epochs n, 2n, ... of the history.
  std::optional<bool> shuffle = {};                            ///< A new order in each epoch. Default true.
  std::optional<bool> drop_last = {};      ///< Leaves out a last batch that is not full. Default false.
  bool reset_run_history = true;           ///< False: appends to the history, and continues its counts.
  std::optional<std::uint64_t> seed = {};  ///< Of LibTorch's generators and the order of a dataset. Default: none.
  int num_threads = 0;
  /// Tries the program out: one epoch of at most n training batches and n evaluation batches, from the beginning.
  /// hone's callbacks then write no files, `EarlyStopping` does not stop the run, and minima are ignored.
  std::int64_t fast_dev_run = 0;
  /// Repeats the first n training batches, unshuffled, in every epoch, to test whether the model can overfit them. An
  /// evaluation has at most n batches. A loader with `set_epoch` stays at epoch 0.
  std::int64_t overfit_batches = 0;
  /// Evaluates n batches before training, so that a failing evaluation fails immediately. Records nothing, dispatches
  /// no event except `on_exception`, and does not affect training. A single-pass range loses these batches.
  std::int64_t num_sanity_eval_batches = 0;

  /// Returns the samples of a training batch.
  [[nodiscard]] std::int64_t batch_size() const { return per_device_batch_size.value_or(detail::default_batch_size); }
  /// Returns whether a dataset is shuffled.
  [[nodiscard]] bool shuffles() const { return shuffle.value_or(true) && overfit_batches == 0; }

  /// Throws `std::invalid_argument` if an option for the training loader is set. For data that is a range of batches.
  void require_none_of_loader() const {
    detail::require_not_given("per_device_batch_size", per_device_batch_size);
    detail::require_not_given("shuffle", shuffle);
    detail::require_not_given("drop_last", drop_last);
  }

  /// Throws `std::invalid_argument` for values out of range.
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
/// **Units** per_device_batch_size: samples, default 8; an error if the data is a range of batches. num_threads: as in
/// `TrainOptions`.
struct EvaluateOptions {
  std::optional<std::int64_t> per_device_batch_size = {};
  int num_threads = 0;

  /// Returns the samples of a batch.
  [[nodiscard]] std::int64_t batch_size() const { return per_device_batch_size.value_or(detail::default_batch_size); }

  /// Throws if an option for the loader is set; see `TrainOptions`.
  void require_none_of_loader() const { detail::require_not_given("per_device_batch_size", per_device_batch_size); }

  /// Throws `std::invalid_argument` for values out of range.
  void check() const {
    detail::require_at_least("per_device_batch_size", per_device_batch_size, 1);
    detail::require_at_least("num_threads", num_threads, 0);
  }
};

/// Options of a run that `begin_run` opens. Options that `TrainOptions` has too are the same.
///
/// Without `num_batches_per_epoch`, an epoch lasts until `end_epoch` or `end`. A schedule that depends on the length of
/// the run needs `max_updates`, or `num_epochs` and `num_batches_per_epoch`.
///
/// **Units** num_batches_per_epoch: batches of this rank; num_epochs, max_updates, max_time: limits, none by default.
/// **Errors** `std::invalid_argument` for values out of range.
struct RunOptions {
  std::optional<std::int64_t> num_batches_per_epoch = {};
  std::optional<std::int64_t> num_epochs = {};
  std::optional<std::int64_t> max_updates = {};
  std::int64_t min_num_epochs = 0;  ///< As in `TrainOptions`.
  std::int64_t min_updates = 0;     ///< As in `TrainOptions`.
  std::optional<std::chrono::duration<double>> max_time = {};
  std::optional<std::int64_t> eval_per_device_batch_size = {};  ///< Default 8.
  std::int64_t evaluate_every_n_epochs = 1;                     ///< As in `TrainOptions`.
  bool reset_run_history = true;                                ///< As in `TrainOptions`.
  std::optional<std::uint64_t> seed = {};                       ///< Seeds LibTorch's generators.
  int num_threads = 0;  ///< Of each step; 0 for the choice of the threads policy.

  /// Throws `std::invalid_argument` for values out of range.
  void check() const {
    detail::require_at_least("num_batches_per_epoch", num_batches_per_epoch, 1);
    detail::require_at_least("num_epochs", num_epochs, 0);
    common().check();
  }
  /// Returns the equivalent options of `train`.
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
