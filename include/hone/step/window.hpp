// SPDX-License-Identifier: Apache-2.0
/// The arithmetic of gradient accumulation: the weight of a batch in the mean over a window that is not complete yet.
#pragma once

#include <cstdint>

#include "hone/core/error.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/serialize.hpp"

namespace hone {

/// An accumulation window: the batches since the last update.
///
/// Before backward, the loss of a batch is multiplied by its share of the mean over a full window, in which every batch
/// has the weight of the first. At the update, the gradients times `correction` are the mean over the actual window:
/// the sum of w_i g_i over the sum of w_i. The correction is 1 for a full window of equal batches.
class Window {
 public:
  [[nodiscard]] constexpr bool empty() const { return size_ == 0; }
  [[nodiscard]] constexpr std::int64_t size() const { return size_; }

  /// The sum of the weights of its batches.
  [[nodiscard]] constexpr double total() const { return total_; }

  /// Adds a batch of weight `weight`, above 0. Returns its share of the mean over a window of `num_batches` batches.
  constexpr double add(double weight, std::int64_t num_batches) {
    return add(weight, num_batches, size_ == 0 ? weight : first_);
  }
  /// Adds a batch. Every batch of the full window has the weight `unit` instead of the weight of the first.
  constexpr double add(double weight, std::int64_t num_batches, double unit) {
    ++size_;
    first_ = unit;
    total_ += weight;
    return weight / unit / static_cast<double>(num_batches);
  }
  /// Adds weight to the batch that was added last. Returns the share of this part.
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
  constexpr void reset() { *this = {}; }  ///< Empties the window.

  /// Saves the window in an archive, or restores it.
  void serialize(auto& archive) {
    serialize_count(archive, "size", size_);
    archive("first", first_);
    archive("total", total_);
    if (archive.is_loading && (!detail::is_finite(first_) || !detail::is_finite(total_) || first_ <= 0.0 ||
                               (size_ == 0 ? total_ != 0.0 : total_ <= 0.0))) {
      throw DataError("The batch weights of an accumulation window are not positive and finite. Load another file.");
    }
  }

 private:
  std::int64_t size_ = 0;
  double first_ = 1.0;
  double total_ = 0.0;
};

}  // namespace hone
