// SPDX-License-Identifier: Apache-2.0
/// The rules for an improvement of a metric, which all callbacks share.
#pragma once

#include "hone/core/finite.hpp"

namespace hone {

/// The unit of a threshold.
enum class ThresholdMode {
  relative,  ///< A fraction of the magnitude of the best value.
  absolute   ///< The unit of the metric.
};

namespace detail {

/// Returns whether a value may become the best one. NaN may not, nor the infinity that is worse than all numbers, even
/// as the first value. `value` is a reference, as in `is_nan`.
[[nodiscard]] constexpr bool may_be_best(const double& value, bool greater_is_better) {
  return !is_nan(value) && !(is_infinite(value) && (value < 0.0) == greater_is_better);
}

}  // namespace detail

}  // namespace hone
