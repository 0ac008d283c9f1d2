// SPDX-License-Identifier: Apache-2.0
/// A weighted mean that is made value by value.
#pragma once

#include <stdexcept>
#include <string>

#include "hone/core/finite.hpp"

namespace hone {

/// The mean of the values added so far, each counted `weight` times.
///
/// **Units** weight: usually samples, so that a short last batch counts for what it is.
/// **Cost** Two doubles. **Errors** `std::invalid_argument` for a negative or NaN weight.
/// **Example** `mean.add(0.5, 32); mean.add(1.0, 16); mean.mean()` is 2/3.
class RunningMean {
 public:
  constexpr void add(double value, double weight = 1.0) {
    if (detail::is_nan(weight) || weight < 0.0) reject(weight);
    if (weight == 0.0) return;  // the mean over an empty batch is NaN, and has no say
    total_ += value * weight;
    count_ += weight;
  }
  /// Takes in what another mean has seen, such as that of another process.
  constexpr void merge(const RunningMean& other) {
    total_ += other.total_;
    count_ += other.count_;
  }
  /// NaN while nothing was added.
  [[nodiscard]] constexpr double mean() const { return count_ > 0.0 ? total_ / count_ : detail::quiet_nan(); }
  /// The sum of value * weight.
  [[nodiscard]] constexpr double total() const { return total_; }
  /// The sum of the weights.
  [[nodiscard]] constexpr double count() const { return count_; }
  constexpr void reset() { *this = {}; }

  /// Shows all of it to an archive of the `checkpoint` room, which keeps it or brings it back.
  void serialize(auto& archive) {
    archive("total", total_);
    archive("count", count_);
  }

  friend constexpr bool operator==(const RunningMean&, const RunningMean&) = default;

 private:
  [[noreturn]] static void reject(double weight) {
    throw std::invalid_argument("A value was added to a mean with weight " + std::to_string(weight) +
                                ". Give a weight of 0 or more.");
  }

  double total_ = 0.0;
  double count_ = 0.0;
};

}  // namespace hone
