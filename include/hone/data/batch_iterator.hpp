// SPDX-License-Identifier: Apache-2.0
/// The input iterator of hone's loaders.
#pragma once

#include <cstddef>
#include <iterator>
#include <type_traits>

namespace hone {

/// A single-pass iterator over the batches of a loader. The loader stores the position, and the current batch is valid
/// until the next increment. The loader must outlive the iterator.
template <class Loader, class Batch>
class BatchIterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using iterator_category = std::input_iterator_tag;
  using value_type = Batch;
  using difference_type = std::ptrdiff_t;
  using reference = Batch&;
  using pointer = Batch*;

  BatchIterator() = default;
  explicit BatchIterator(Loader& loader) : loader_(&loader) {}  ///< Points to the current batch of the loader.

  [[nodiscard]] Batch& operator*() const { return loader_->current(); }
  [[nodiscard]] Batch* operator->() const { return &loader_->current(); }
  BatchIterator& operator++() {
    loader_->advance();
    return *this;
  }
  void operator++(int) { loader_->advance(); }
  [[nodiscard]] bool operator==(std::default_sentinel_t /*end*/) const { return loader_->done(); }

 private:
  Loader* loader_ = nullptr;
};

}  // namespace hone
