// SPDX-License-Identifier: Apache-2.0
/// What the least improvement of a metric is measured in.
#pragma once

namespace hone {

/// What a threshold is measured in.
enum class ThresholdMode {
  relative,  ///< A share of the best value.
  absolute   ///< The unit of the metric.
};

}  // namespace hone
