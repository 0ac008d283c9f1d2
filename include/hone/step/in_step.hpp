// SPDX-License-Identifier: Apache-2.0
/// Batches for processes that learn together: all get as many, or some would wait for one that has none left.
#pragma once

#include <span>
#include <utility>

#include "hone/policies/distribution.hpp"

namespace hone {

namespace detail {

/// Ends when the range has ended in one of the processes.
template <class Range, class Processes>
class InStep {
 public:
  InStep(Range& range, Processes& processes, bool is_even)
      : range_(range), processes_(processes), is_even_(is_even || processes.world_size() == 1) {}

  class Iterator {
   public:
    explicit Iterator(InStep& owner) : owner_(owner), at_(owner.range_.begin()) {}
    decltype(auto) operator*() { return *at_; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    [[nodiscard]] bool operator!=(const InStep&) { return owner_.goes_on(at_ != owner_.range_.end()); }

   private:
    InStep& owner_;
    decltype(std::declval<Range&>().begin()) at_;
  };

  [[nodiscard]] Iterator begin() { return Iterator(*this); }
  [[nodiscard]] const InStep& end() const { return *this; }

 private:
  [[nodiscard]] bool goes_on(bool here) {
    if (is_even_) return here;
    const double has_none = here ? 0.0 : 1.0;
    processes_.begin_exchange(std::span(&has_none, 1));
    return processes_.end_exchange()[0] == 0.0;
  }

  Range& range_;
  Processes& processes_;
  bool is_even_;
};

}  // namespace detail

/// The batches of `range`, as long as every process has one. Where `is_even` says that all have as many, the range as it
/// is; else the processes ask each other before each batch.
template <class Range, DistributedPolicy Processes>
[[nodiscard]] decltype(auto) in_step(Range& range, Processes& processes, [[maybe_unused]] bool is_even) {
  if constexpr (ReducesGradients<Processes>) {
    return detail::InStep<Range, Processes>(range, processes, is_even);
  } else {
    static_cast<void>(processes);
    return static_cast<Range&>(range);
  }
}

}  // namespace hone
