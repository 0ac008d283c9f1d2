// SPDX-License-Identifier: Apache-2.0
/// The partition of an epoch's order into steps, and of each step into one batch per rank.
#pragma once

#include <algorithm>
#include <cstdint>

#include "hone/data/loader_options.hpp"

namespace hone::detail {

/// The batches of one rank in the positions `[begin, end)` of an epoch's order.
///
/// A step consists of the next `world_size * batch_size` samples. Each rank gets an equal, contiguous part, in the
/// order of ranks. Unless `drop_last`, the samples left at the end make one more step, or join the last step if they
/// are fewer than `world_size`. If a step's samples are not divisible by `world_size`, each of the first ranks gets one
/// more. Hence each sample that is not dropped is in exactly one batch, all ranks have the same number of batches, and
/// no batch is empty or wider than `batch_size + 1`.
///
/// Fewer samples than ranks make no step.
class EpochPartition {
 public:
  EpochPartition(std::int64_t begin, std::int64_t end, const LoaderOptions& options)
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

  /// Returns the number of batches, the same on each rank.
  [[nodiscard]] std::int64_t batches() const { return batches_; }
  /// Returns the position in the order at which batch `k` begins.
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
