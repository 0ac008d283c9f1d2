// SPDX-License-Identifier: Apache-2.0
/// The learning rate range test: trains for some updates while the learning rate grows exponentially, and suggests a
/// rate at which the loss falls.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"
#include "hone/tune/trial_run.hpp"

namespace hone {

/// Options of `find_learning_rate`.
///
/// **Units** num_updates: optimizer updates, the first with `start_lr` and the last with `end_lr`; smoothing: the
/// weight of the past in the exponential moving average of the losses; divergence_factor: the sweep ends when the
/// smoothed loss exceeds this multiple of its lowest value; per_device_batch_size: samples.
/// **Errors** `std::invalid_argument` for values out of range.
struct LearningRateFinderOptions {
  double start_lr = 1e-7;
  double end_lr = 10.0;
  std::int64_t num_updates = 100;
  double smoothing = 0.98;
  double divergence_factor = 4.0;
  std::optional<std::int64_t> per_device_batch_size = {};  ///< Default 8; an error for a range of batches.
  std::optional<std::uint64_t> seed = {};                  ///< Of the order of the data; drawn by default.
  int num_threads = 0;                                     ///< As in `TrialRunOptions`.

  /// Throws `std::invalid_argument` for values out of range.
  void check() const {
    if (!detail::is_finite(start_lr) || !detail::is_finite(end_lr) || start_lr <= 0.0 || start_lr >= end_lr) {
      throw std::invalid_argument(format_message(
          "start_lr is {} and end_lr is {}. Set both to finite numbers greater than 0, with start_lr less than end_lr.",
          {start_lr, end_lr}));
    }
    detail::require_at_least("num_updates", num_updates, 2);
    if (detail::is_nan(smoothing) || smoothing < 0.0 || smoothing >= 1.0) {
      throw std::invalid_argument(
          format_message("smoothing is {}. Set it to at least 0 and less than 1.", {smoothing}));
    }
    if (detail::is_nan(divergence_factor) || divergence_factor <= 1.0) {
      throw std::invalid_argument(
          format_message("divergence_factor is {}. Set it to a number greater than 1.", {divergence_factor}));
    }
  }
};

/// The losses of a sweep over learning rates.
///
/// **Errors** of `steepest`, `valley` and `suggestion`: `DataError` if fewer than two points are left.
/// **Source** L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", 2015 (arXiv:1506.01186),
/// section 3.3.
struct LearningRateSweep {
  std::vector<double> lrs;              ///< Of the group with the largest one, one per update.
  std::vector<double> losses;           ///< Of each update, computed with the weights before it.
  std::vector<double> smoothed_losses;  ///< Exponential moving average, with bias correction.
  bool diverged = false;                ///< The loss grew too large, or was not finite and thus not listed.

  /// Returns the learning rate with the steepest descent of the smoothed loss per update, by central differences, as in
  /// PyTorch Lightning. Ignores the first `skip_begin` points, where the loss hardly changes, and the last `skip_end`.
  [[nodiscard]] double steepest(std::size_t skip_begin = 10, std::size_t skip_end = 1) const {
    const auto y = points(skip_begin, skip_end);
    const std::size_t last = y.size() - 1;
    const auto slope = [&](std::size_t i) {
      if (i == 0) return y[1] - y[0];
      return i == last ? y[last] - y[last - 1] : (y[i + 1] - y[i - 1]) / 2.0;
    };
    std::size_t best = 0;
    for (std::size_t i = 1; i <= last; ++i) {
      if (slope(i) < slope(best)) best = i;
    }
    return lrs[skip_begin + best];
  }

  /// Returns the learning rate in the middle of the longest descent, as in fastai. With n the length of the longest
  /// decreasing subsequence, the descent is the n points before its end. More conservative than `steepest`.
  [[nodiscard]] double valley(std::size_t skip_begin = 10, std::size_t skip_end = 1) const {
    const auto y = points(skip_begin, skip_end);
    std::vector<std::size_t> length(y.size(), 1);  // of the longest decreasing subsequence that ends here
    for (std::size_t i = 1; i < y.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (y[i] < y[j]) length[i] = std::max(length[i], length[j] + 1);
      }
    }
    const auto longest = std::max_element(length.begin(), length.end());
    const auto end = longest - length.begin(), count = static_cast<std::ptrdiff_t>(*longest);
    const auto middle = std::max<std::ptrdiff_t>(0, end - count + count / 3 + count / 6);
    return lrs[skip_begin + static_cast<std::size_t>(middle)];
  }

  /// Returns the learning rate to train with: `steepest`.
  [[nodiscard]] double suggestion() const { return steepest(); }

 private:
  [[nodiscard]] std::span<const double> points(std::size_t skip_begin, std::size_t skip_end) const {
    if (smoothed_losses.size() < skip_begin + skip_end + 2) {
      throw DataError(
          format_message("The sweep has {} points. Without {} at its beginning and {} at its end, fewer than 2 remain. "
                         "Increase num_updates, or lower start_lr.",
                         {smoothed_losses.size(), skip_begin, skip_end}));
    }
    return std::span(smoothed_losses).subspan(skip_begin, smoothed_losses.size() - skip_begin - skip_end);
  }
};

namespace detail {

template <class Trainer>
struct sweep_under_schedule {
  static_assert(!Trainer::schedule_drives_lr,
                "hone: the finder sets the learning rate, and so does this trainer's schedule. Use a trainer without a "
                "schedule.");
};

}  // namespace detail

/// Trains while the learning rate grows exponentially, and returns the losses. Restores the trainer; see `trial_run`.
/// The learning rates of several parameter groups keep their ratios. The result contains the rates of the group with
/// the largest one. Collective.
///
/// **Errors** `std::invalid_argument` for options out of range; `DataError` for data that does not fit; at compile
/// time, one message, for a trainer whose schedule drives the learning rate.
/// **Source** Smith 2015; smoothing, the end at four times the lowest loss and the suggestions as in fastai and PyTorch
/// Lightning.
/// **Example**
/// ```
/// const auto sweep = hone::find_learning_rate(trainer, train_set, {.per_device_batch_size = 32});
/// trainer.optimizer().set_lr(sweep.suggestion());
/// ```
template <class Trainer, class Dataset>
[[nodiscard]] LearningRateSweep find_learning_rate(Trainer& trainer, Dataset&& dataset,
                                                   const LearningRateFinderOptions& options = {}) {
  LearningRateSweep sweep;
  if constexpr (Trainer::schedule_drives_lr) {
    static_cast<void>(sizeof(detail::sweep_under_schedule<Trainer>));
  } else {
    options.check();
    auto& optimizer = trainer.optimizer();
    std::vector<double> shares;
    for (std::size_t group = 0; group < optimizer.num_groups(); ++group) shares.push_back(optimizer.base_lr(group));
    const double largest = *std::max_element(shares.begin(), shares.end());
    for (double& share : shares) share = largest > 0.0 ? share / largest : 1.0;

    const auto lr_of = [&](std::int64_t update) {
      const double part = static_cast<double>(update) / static_cast<double>(options.num_updates - 1);
      return options.start_lr * std::pow(options.end_lr / options.start_lr, part);
    };
    const auto before = [&](std::int64_t update) {
      for (std::size_t group = 0; group < shares.size(); ++group) {
        optimizer.set_lr(group, lr_of(update) * shares[group]);
      }
    };
    double mean = 0.0, lowest = 0.0;
    const auto after = [&](std::int64_t update, double loss) {
      mean = options.smoothing * mean + (1.0 - options.smoothing) * loss;
      const double smoothed = mean / (1.0 - std::pow(options.smoothing, static_cast<double>(update + 1)));
      if (!detail::is_finite(smoothed)) {
        sweep.diverged = true;
        return false;
      }
      sweep.lrs.push_back(lr_of(update));
      sweep.losses.push_back(loss);
      sweep.smoothed_losses.push_back(smoothed);
      if (update == 0 || smoothed < lowest) lowest = smoothed;
      sweep.diverged = lowest > 0.0 && smoothed > options.divergence_factor * lowest;  // meaningless below 0
      return !sweep.diverged;
    };
    trial_run(trainer, dataset,
              {.num_updates = options.num_updates,
               .per_device_batch_size = options.per_device_batch_size,
               .seed = options.seed,
               .num_threads = options.num_threads},
              before, after);
  }
  return sweep;
}
template <detail::InvalidTrainer Trainer, class Dataset>  // an error explains it already
[[nodiscard]] LearningRateSweep find_learning_rate(Trainer&, Dataset&&, const LearningRateFinderOptions& = {});

}  // namespace hone
