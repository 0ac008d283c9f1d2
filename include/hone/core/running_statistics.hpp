// SPDX-License-Identifier: Apache-2.0
/// An interface for custom modules with running statistics.
#pragma once

#include <optional>

namespace hone {

/// Base class of custom batch norms, so that `update_bn` recomputes their running statistics.
class RunningStatistics {
 public:
  RunningStatistics() = default;
  RunningStatistics(const RunningStatistics&) = default;
  RunningStatistics& operator=(const RunningStatistics&) = default;
  virtual ~RunningStatistics() = default;

  /// Resets the statistics to their initial values.
  virtual void reset_statistics() = 0;
  /// Sets the momentum and returns the previous one; empty: the mean over all batches since the reset.
  virtual std::optional<double> exchange_momentum(std::optional<double> momentum) = 0;
};

}  // namespace hone
