// SPDX-License-Identifier: Apache-2.0
/// What an improvement of a metric is: the rules that all callbacks share.
#pragma once

#include "hone/core/finite.hpp"

namespace hone {

/// What a threshold is measured in.
enum class ThresholdMode {
  relative,  ///< A share of the best value's size, whatever its sign.
  absolute   ///< The unit of the metric.
};

namespace detail {

/// True for a value that may become the best one. NaN never may, nor may infinity on the bad side, even as the first
/// value. By reference, as `is_nan` takes it.
[[nodiscard]] constexpr bool may_be_best(const double& value, bool greater_is_better) {
  return !is_nan(value) && !(is_infinite(value) && (value < 0.0) == greater_is_better);
}

}  // namespace detail

}  // namespace hone
