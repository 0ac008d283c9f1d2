// SPDX-License-Identifier: Apache-2.0
/// Rules for the weight of the newest values in an average.
///
/// | rule | weight of the newest values | for |
/// | --- | --- | --- |
/// | `ExponentialAverage` | `1 - decay`, larger during the warm-up | EMA |
/// | `EqualAverage` | `1 / n` for the `n`-th values, so the first ones replace the initial values | SWA |
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <stdexcept>

#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

/// A type that can weight the values of an average. `weight(n)` is the weight of the newest values, from 0 to 1, after
/// `n` earlier ones. `average_buffers` selects whether buffers are averaged like parameters or copied. `check()` throws
/// for settings out of range.
template <class R>
concept AveragingRule = std::copyable<R> && requires(const R& rule, std::int64_t num_averaged) {
  { rule.weight(num_averaged) } -> std::same_as<double>;
  { rule.average_buffers } -> std::convertible_to<bool>;
  rule.check();
};

/// The exponential moving average `e = decay e + (1 - decay) v`. With `warmup`, the decay after `n` values is at most
/// `(1 + n) / (10 + n)`, which reduces the weight of the initial values.
///
/// **Errors** `std::invalid_argument` for a decay outside of 0 to 1.
struct ExponentialAverage {
  double decay = 0.99;
  bool warmup = false;
  bool average_buffers = true;

  [[nodiscard]] double weight(std::int64_t num_averaged) const {
    const auto n = static_cast<double>(num_averaged);
    return 1.0 - (warmup ? std::min(decay, (1.0 + n) / (10.0 + n)) : decay);
  }
  void check() const {
    if (detail::is_finite(decay) && decay >= 0.0 && decay <= 1.0) return;
    throw std::invalid_argument(
        format_message("The decay of an average is {}. Set it to a number from 0 to 1.", {decay}));
  }
};

/// The arithmetic mean. By default it copies buffers: recompute the statistics of batch norms with `update_bn`.
struct EqualAverage {
  bool average_buffers = false;

  [[nodiscard]] double weight(std::int64_t num_averaged) const { return 1.0 / static_cast<double>(num_averaged + 1); }
  void check() const {}
};

static_assert(AveragingRule<ExponentialAverage> && AveragingRule<EqualAverage>);

}  // namespace hone
