// SPDX-License-Identifier: Apache-2.0
/// The rule by which the order of an epoch becomes steps, and each step a batch for each process.
#pragma once

#include <algorithm>
#include <cstdint>

#include "hone/data/loader_options.hpp"

namespace hone::detail {

/// The batches of one process between two places of an epoch's order.
///
/// A step takes the next `world_size * batch_size` samples, and each process its even, contiguous part of them, in the
/// order of ranks. What is left at the end, unless dropped, makes one more step, or joins the last one where it would
/// leave a process without a sample. A step whose samples cannot be divided evenly gives the first ranks one more. So
/// each sample is in one batch, all processes have as many batches, and none is empty or wider than `batch_size + 1`.
///
/// Fewer samples than processes make no step.
class EpochCut {
 public:
  EpochCut(std::int64_t begin, std::int64_t end, const LoaderOptions& options)
      : batch_size_(options.batch_size), stride_(options.batch_size * options.share.world_size) {
    const auto& [rank, world_size] = options.share;
    const std::int64_t left = (end - begin) % stride_;
    batches_ = (end - begin) / stride_ + (!options.drop_last && left >= world_size);
    if (batches_ == 0) return;
    const std::int64_t last = begin + (batches_ - 1) * stride_;
    const std::int64_t width = options.drop_last ? stride_ : end - last;
    first_ = begin + rank * batch_size_;
    last_first_ = last + rank * (width / world_size) + std::min(std::int64_t{rank}, width % world_size);
    last_width_ = width / world_size + (rank < width % world_size);
  }

  /// The same in each process.
  [[nodiscard]] std::int64_t batches() const { return batches_; }
  /// Where batch `k` begins in the order.
  [[nodiscard]] std::int64_t first(std::int64_t k) const {
    return k + 1 < batches_ ? first_ + k * stride_ : last_first_;
  }
  [[nodiscard]] std::int64_t width(std::int64_t k) const { return k + 1 < batches_ ? batch_size_ : last_width_; }
  [[nodiscard]] std::int64_t last_width() const { return last_width_; }

 private:
  std::int64_t batch_size_, stride_;
  std::int64_t batches_ = 0, first_ = 0, last_first_ = 0, last_width_ = 0;
};

}  // namespace hone::detail
