// SPDX-License-Identifier: Apache-2.0
/// What becomes of memory that is free between two steps.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `SystemHeap` | the default: the allocator does as the host has it | none |
/// | `RetainHeap` | where the step shows page faults, as convolutions do | none |
#pragma once

#include <cstdlib>
#include <limits>
#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace hone {

/// What `over_run` returns lives over a run.
template <class P>
concept HeapPolicy = PolicyFor<P, slots::Heap> && requires(const P& policy) { policy.over_run(); };

/// The process's allocator is left alone.
struct SystemHeap {
  using slot = slots::Heap;
  [[nodiscard]] static NoScope over_run() { return {}; }
};

/// The process keeps the memory that a step frees, for the next step. Otherwise glibc may give it back to the system at
/// the end of each step, and the next one takes it again page by page.
///
/// The setting is that of the whole process, and lasts until it ends: an allocator cannot be asked how it was set.
/// `malloc_trim(0)` gives back what is free. With another allocator than glibc's, nothing happens.
struct RetainHeap {
  using slot = slots::Heap;
  [[nodiscard]] static NoScope over_run() {
#if defined(__GLIBC__)
    [[maybe_unused]] static const bool done = [] {
      mallopt(M_MMAP_MAX, 0);  // large blocks too come from the heap, where they stay
      return mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max()) != 0;
    }();
#endif
    return {};
  }
};
static_assert(HeapPolicy<SystemHeap> && HeapPolicy<RetainHeap>);
static_assert(std::is_empty_v<SystemHeap> && std::is_empty_v<RetainHeap>);

namespace detail::heap_rules {

HONE_POLICY_NEEDS(has_over_run, "a heap policy", "over_run() const", HeapPolicy<P>);

}  // namespace detail::heap_rules

template <>
struct SlotRequirements<slots::Heap> : detail::Requirements<detail::heap_rules::has_over_run> {};

}  // namespace hone
