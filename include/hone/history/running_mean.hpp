// SPDX-License-Identifier: Apache-2.0
/// A weighted mean that is updated value by value.
#pragma once

#include <stdexcept>
#include <string>

#include "hone/core/finite.hpp"

namespace hone {

/// The weighted mean of the values added so far.
///
/// **Units** weight: usually the number of samples, so that a short last batch has the right weight.
/// **Cost** Two doubles. **Errors** `std::invalid_argument` for a negative or NaN weight.
/// **Example** `mean.add(0.5, 32); mean.add(1.0, 16); mean.mean()` is 2/3.
class RunningMean {
 public:
  constexpr void add(double value, double weight = 1.0) {
    if (detail::is_nan(weight) || weight < 0.0) reject(weight);
    if (weight == 0.0) return;  // the value may be NaN, as the mean over an empty batch is
    total_ += value * weight;
    count_ += weight;
  }
  /// Adds the values of another mean, such as another rank's mean.
  constexpr void merge(const RunningMean& other) {
    total_ += other.total_;
    count_ += other.count_;
  }
  /// Returns the weighted mean; NaN before the first value with a weight above 0.
  [[nodiscard]] constexpr double mean() const { return count_ > 0.0 ? total_ / count_ : detail::quiet_nan(); }
  /// Returns the sum of value * weight.
  [[nodiscard]] constexpr double total() const { return total_; }
  /// Returns the sum of the weights.
  [[nodiscard]] constexpr double count() const { return count_; }
  constexpr void reset() { *this = {}; }  ///< Removes all values.

  /// Saves the sums to an archive of the `checkpoint` module, or loads them from it.
  void serialize(auto& archive) {
    archive("total", total_);
    archive("count", count_);
  }

  friend constexpr bool operator==(const RunningMean&, const RunningMean&) = default;

 private:
  [[noreturn]] static void reject(double weight) {
    throw std::invalid_argument("A value was added to a mean with weight " + std::to_string(weight) +
                                ". Pass a weight of 0 or greater.");
  }

  double total_ = 0.0;
  double count_ = 0.0;
};

}  // namespace hone
