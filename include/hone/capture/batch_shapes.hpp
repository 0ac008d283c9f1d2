// SPDX-License-Identifier: Apache-2.0
/// The shapes and types of a batch's tensors, for comparison with other batches.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hone/data/batch.hpp"

namespace hone {

/// The shapes and dtypes of the tensors of a batch.
///
/// **Cost** a comparison does not allocate.
class BatchShapes {
 public:
  BatchShapes() = default;
  /// Takes the shapes of a batch.
  template <class Batch>
  explicit BatchShapes(const Batch& batch) {
    for_each_tensor(
        batch, [this](const at::Tensor& tensor) { shapes_.push_back({tensor.sizes().vec(), tensor.scalar_type()}); });
  }

  [[nodiscard]] bool empty() const { return shapes_.empty(); }
  /// Returns whether `batch` has the same shapes and dtypes.
  template <class Batch>
  [[nodiscard]] bool are_of(const Batch& batch) const {
    std::size_t i = 0;
    bool same = true;
    for_each_tensor(batch, [&](const at::Tensor& tensor) {
      same = same && i < shapes_.size() && shapes_[i].is_of(tensor);
      ++i;
    });
    return same && i == shapes_.size();
  }

 private:
  struct Shape {
    std::vector<std::int64_t> sizes;
    at::ScalarType type;
    [[nodiscard]] bool is_of(const at::Tensor& tensor) const {
      return tensor.defined() && tensor.scalar_type() == type && tensor.sizes() == at::IntArrayRef(sizes);
    }
  };

  std::vector<Shape> shapes_;
};

}  // namespace hone
