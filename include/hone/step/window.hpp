// SPDX-License-Identifier: Apache-2.0
/// The arithmetic of gradient accumulation: what a batch counts in the mean over a window that is not complete yet.
#pragma once

#include <cstdint>

#include "hone/core/error.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/serialize.hpp"

namespace hone {

/// The batches whose gradients wait for an update.
///
/// A batch's loss goes into backward with its `share` of the mean over a full window in which every batch counts as
/// much as the first. When the update is due, the gradients times `correction` are the mean over what the window was:
/// the sum of w_i g_i over the sum of w_i. The correction is 1 for a full window of equal batches.
class Window {
 public:
  [[nodiscard]] constexpr bool empty() const { return size_ == 0; }
  [[nodiscard]] constexpr std::int64_t size() const { return size_; }

  /// What its batches count.
  [[nodiscard]] constexpr double total() const { return total_; }

  /// Takes in a batch that counts `weight`, above 0; returns its share, in a window of `num_batches` batches.
  constexpr double add(double weight, std::int64_t num_batches) {
    return add(weight, num_batches, size_ == 0 ? weight : first_);
  }
  /// The same where batches are measured by `unit` instead of the first one.
  constexpr double add(double weight, std::int64_t num_batches, double unit) {
    ++size_;
    first_ = unit;
    total_ += weight;
    return weight / unit / static_cast<double>(num_batches);
  }
  /// Takes in more of the batch that was added last.
  constexpr double add_to_last(double weight, std::int64_t num_batches) {
    total_ += weight;
    return weight / first_ / static_cast<double>(num_batches);
  }
  [[nodiscard]] constexpr double correction(std::int64_t num_batches) const {
    return correction(num_batches, total_, first_);
  }
  [[nodiscard]] static constexpr double correction(std::int64_t num_batches, double total, double unit) {
    return static_cast<double>(num_batches) * unit / total;
  }
  constexpr void reset() { *this = {}; }

  /// Shows all of it to an archive of the `checkpoint` room.
  void serialize(auto& archive) {
    serialize_count(archive, "size", size_);
    archive("first", first_);
    archive("total", total_);
    if (archive.is_loading && (!detail::is_finite(first_) || !detail::is_finite(total_) || first_ <= 0.0 ||
                               (size_ == 0 ? total_ != 0.0 : total_ <= 0.0))) {
      throw DataError("The batches of an accumulation window count nothing. Load another file.");
    }
  }

 private:
  std::int64_t size_ = 0;
  double first_ = 1.0;
  double total_ = 0.0;
};

}  // namespace hone
