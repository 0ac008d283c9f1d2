// SPDX-License-Identifier: Apache-2.0
/// How much the newest values count in an average.
///
/// | rule | weight of the newest values | for |
/// | --- | --- | --- |
/// | `ExponentialAverage` | `1 - decay`, more while it warms up | EMA |
/// | `EqualAverage` | `1 / n`, the first replaces what was there | SWA |
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <stdexcept>

#include "hone/core/finite.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

/// How values are averaged: `weight(n)` is that of the newest ones when `n` have gone before, from 0 to 1;
/// `average_buffers` says whether buffers are averaged like parameters or copied; `check()` throws for settings out of
/// range.
template <class R>
concept AveragingRule = std::copyable<R> && requires(const R& rule, std::int64_t num_averaged) {
  { rule.weight(num_averaged) } -> std::same_as<double>;
  { rule.average_buffers } -> std::convertible_to<bool>;
  rule.check();
};

/// `e = decay e + (1 - decay) v`; while it warms up, the decay is at most `(1 + n) / (10 + n)`, so that the values that
/// training began with are soon forgotten.
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
    throw std::invalid_argument(sentence("The decay of an average is {}. Give a decay from 0 to 1.", {decay}));
  }
};

/// The plain mean. The statistics of batch norms are none of it: see `update_bn`.
struct EqualAverage {
  bool average_buffers = false;

  [[nodiscard]] double weight(std::int64_t num_averaged) const { return 1.0 / static_cast<double>(num_averaged + 1); }
  void check() const {}
};

static_assert(AveragingRule<ExponentialAverage> && AveragingRule<EqualAverage>);

}  // namespace hone
