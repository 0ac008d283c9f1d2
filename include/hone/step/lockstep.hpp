// SPDX-License-Identifier: Apache-2.0
/// Batches in lockstep: the epoch ends on all ranks when any rank runs out of batches, so that no collective deadlocks.
#pragma once

#include <span>
#include <utility>

#include "hone/policies/distribution.hpp"

namespace hone {

namespace detail {

/// A range that ends on all ranks when the range of any rank ends.
template <class Range, class Processes>
class Lockstep {
 public:
  Lockstep(Range& range, Processes& processes, bool is_even)
      : range_(range), distribution_(processes), is_even_(is_even || processes.world_size() == 1) {}

  class Iterator {
   public:
    explicit Iterator(Lockstep& owner) : owner_(owner), at_(owner.range_.begin()) {}
    decltype(auto) operator*() { return *at_; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    [[nodiscard]] bool operator!=(const Lockstep&) { return owner_.goes_on(at_ != owner_.range_.end()); }

   private:
    Lockstep& owner_;
    decltype(std::declval<Range&>().begin()) at_;
  };

  [[nodiscard]] Iterator begin() { return Iterator(*this); }
  [[nodiscard]] const Lockstep& end() const { return *this; }

 private:
  [[nodiscard]] bool goes_on(bool here) {
    if (is_even_) return here;
    const double has_none = here ? 0.0 : 1.0;
    distribution_.begin_all_reduce_sum(std::span(&has_none, 1));
    return distribution_.end_all_reduce_sum()[0] == 0.0;
  }

  Range& range_;
  Processes& distribution_;
  bool is_even_;
};

}  // namespace detail

/// Returns the batches of `range` for as long as all ranks have one. Unless `is_even` (all ranks have the same number
/// of batches), the ranks all-reduce a flag before each batch. Without gradient reduction, returns `range` itself.
template <class Range, DistributedPolicy Processes>
[[nodiscard]] decltype(auto) lockstep(Range& range, Processes& processes, [[maybe_unused]] bool is_even) {
  if constexpr (ReducesGradients<Processes>) {
    return detail::Lockstep<Range, Processes>(range, processes, is_even);
  } else {
    static_cast<void>(processes);
    return static_cast<Range&>(range);
  }
}

}  // namespace hone
