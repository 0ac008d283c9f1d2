// SPDX-License-Identifier: Apache-2.0
/// Policies for memory that is free between two steps.
///
/// | policy | use | incompatible with |
/// |---|---|---|
/// | `SystemHeap` | the default: the allocator's settings are unchanged | none |
/// | `RetainHeap` | steps with page faults, as with convolutions | none |
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

/// A policy whose `over_run()` returns a RAII guard for a run.
template <class P>
concept HeapPolicy = PolicyFor<P, slots::Heap> && requires(const P& policy) { policy.over_run(); };

/// Leaves the settings of the process's allocator unchanged.
struct SystemHeap {
  using slot = slots::Heap;
  [[nodiscard]] static NoScope over_run() { return {}; }
};

/// Retains the memory that a step frees in the process, for the next step. By default, glibc may return it to the
/// system at the end of each step, and the next step faults it in again page by page.
///
/// The setting is process-wide and lasts from the first run until the process ends, because glibc does not report the
/// previous setting. `malloc_trim(0)` returns free memory to the system. No effect on other allocators.
struct RetainHeap {
  using slot = slots::Heap;
  [[nodiscard]] static NoScope over_run() {
#if defined(__GLIBC__)
    [[maybe_unused]] static const bool done = [] {
      mallopt(M_MMAP_MAX, 0);  // large blocks are also allocated from the heap, which retains them
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
