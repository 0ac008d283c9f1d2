// SPDX-License-Identifier: Apache-2.0
/// Policies for the number of threads of an operator. The option `num_threads` of a run takes precedence.
///
/// | policy | use | incompatible with |
/// |---|---|---|
/// | `AutoThreads` | the default: proportional to the work of a step | none |
/// | `Threads{.num_threads = 4}` | a fixed number | none |
/// | `KeepThreads` | the number that the caller has set in LibTorch | none |
#pragma once

#include <algorithm>
#include <concepts>
#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/core/require.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// A policy that returns the number of threads from the multiplications of one forward pass, 0 if unknown, and the
/// number of threads that is set (`at::get_num_threads`). `threads_for` is called when a run begins, and in the
/// caller's own loop for the first batch and after each change of the number that is set.
template <class P>
concept ThreadsPolicy = PolicyFor<P, slots::Threads> && requires(const P& policy) {
  { policy.threads_for(1.0, 1) } -> std::same_as<int>;
};

/// Uses one thread per 4 million multiplications of a forward pass, because smaller parts take longer to synchronize
/// than to compute; at least 1 thread, at most `available`. Uses `available` threads if the work is unknown. It is
/// known for datasets held in tensors and, in the caller's own loop, for batches whose first input is a tensor.
struct AutoThreads {
  using slot = slots::Threads;
  static constexpr double macs_per_thread = 4e6;  ///< The least work of a thread.

  [[nodiscard]] static int threads_for(double multiplications, int available) {
    if (multiplications <= 0.0) return available;
    const double busy = multiplications / macs_per_thread;
    return busy >= available ? available : std::max(1, static_cast<int>(busy));
  }
};

/// Uses a fixed number of threads.
///
/// **Units** num_threads: of each operator, at least 1.
/// **Errors** `std::invalid_argument` below 1.
struct Threads {
  using slot = slots::Threads;
  detail::Required<int> num_threads;
  [[no_unique_address]] detail::Checked checked = check(num_threads);  ///< Not a setting.

  [[nodiscard]] int threads_for(double /*multiplications*/, int /*available*/) const { return num_threads; }

 private:
  static detail::Checked check(int num_threads) {
    detail::require_at_least("Threads::num_threads", num_threads, 1);
    return {};
  }
};

/// Uses the number of threads that is set.
struct KeepThreads {
  using slot = slots::Threads;
  [[nodiscard]] static int threads_for(double /*multiplications*/, int available) { return available; }
};
static_assert(ThreadsPolicy<AutoThreads> && ThreadsPolicy<Threads> && ThreadsPolicy<KeepThreads>);
static_assert(std::is_empty_v<AutoThreads> && std::is_empty_v<KeepThreads>);

namespace detail::threads_rules {

HONE_POLICY_NEEDS(has_threads_for, "a threads policy", "int threads_for(double multiplications, int available) const",
                  ThreadsPolicy<P>);

}  // namespace detail::threads_rules

template <>
struct SlotRequirements<slots::Threads> : detail::Requirements<detail::threads_rules::has_threads_for> {};

}  // namespace hone
