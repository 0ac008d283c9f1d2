// SPDX-License-Identifier: Apache-2.0
/// The place in an epoch that hone's loaders share: whose turn it is, and how many samples make the next batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "hone/data/loader_options.hpp"
#include "hone/data/sampler.hpp"

namespace hone::detail {

/// Walks through the order of one epoch after the other in steps of a batch.
template <Sampler S>
class EpochWalk {
 public:
  EpochWalk(std::int64_t samples, const LoaderOptions& options, S sampler)
      : sampler_(std::move(sampler)),
        samples_(samples),
        visits_(visits(sampler_, samples)),
        batches_(count_batches(visits_, options)),
        batch_size_(options.batch_size),
        end_(options.drop_last ? batches_ * batch_size_ : visits_) {}

  [[nodiscard]] std::int64_t batches() const { return batches_; }
  [[nodiscard]] std::int64_t batch_size() const { return batch_size_; }
  [[nodiscard]] std::int64_t last_width() const { return end_ - (batches_ - 1) * batch_size_; }

  void set_epoch(std::int64_t epoch) { epoch_ = epoch; }

  /// Draws the next epoch's order and stands before its first batch.
  void start() {
    order_ = checked_order(sampler_.order(samples_, epoch_), samples_, visits_);
    indices_ = order_.defined() ? order_.template data_ptr<std::int64_t>() : nullptr;
    ++epoch_;
    first_ = width_ = 0;
  }

  /// Goes to the next batch; false when the epoch is over.
  bool advance() {
    first_ += width_;
    width_ = std::min(batch_size_, end_ - first_);
    return width_ > 0;
  }

  /// Passes over `count` batches.
  void skip(std::int64_t count) {
    first_ += count * batch_size_;
    width_ = std::min(batch_size_, end_ - first_);
  }

  [[nodiscard]] bool done() const { return width_ == 0; }
  [[nodiscard]] std::int64_t first() const { return first_; }
  [[nodiscard]] std::int64_t width() const { return width_; }

  /// The epoch's order, undefined when it is that of the dataset.
  [[nodiscard]] const at::Tensor& order() const { return order_; }
  /// The samples of this batch, null when they are `first()` and those after it.
  [[nodiscard]] const std::int64_t* indices() const { return indices_ == nullptr ? nullptr : indices_ + first_; }

 private:
  S sampler_;
  std::int64_t samples_, visits_, batches_, batch_size_, end_;
  std::int64_t epoch_ = 0, first_ = 0, width_ = 0;
  at::Tensor order_;
  const std::int64_t* indices_ = nullptr;
};

}  // namespace hone::detail
