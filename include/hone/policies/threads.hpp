// SPDX-License-Identifier: Apache-2.0
/// How many threads an operator uses. The option `num_threads` of a run goes before the policy.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `AutoThreads` | the default: as many as a step of this size keeps busy | none |
/// | `Threads{.num_threads = 4}` | to say how many | none |
/// | `KeepThreads` | as many as the host has set | none |
#pragma once

#include <algorithm>
#include <concepts>
#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/core/require.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// `threads_for` is asked when a run begins, with the multiplications of one forward pass, 0 when they are not known,
/// and the threads that the host has set. It returns how many to use.
template <class P>
concept ThreadsPolicy = PolicyFor<P, slots::Threads> && requires(const P& policy) {
  { policy.threads_for(1.0, 1) } -> std::same_as<int>;
};

/// One thread for every 4 million multiplications of a forward pass: with less to do, threads wait for each other
/// longer than they compute. Never more than the host has set, and just as many when the work is not known, which it is
/// for datasets held in tensors.
struct AutoThreads {
  using slot = slots::Threads;
  static constexpr double multiplications_per_thread = 4e6;

  [[nodiscard]] static int threads_for(double multiplications, int available) {
    if (multiplications <= 0.0) return available;
    const double busy = multiplications / multiplications_per_thread;
    return busy >= available ? available : std::max(1, static_cast<int>(busy));
  }
};

/// A fixed number of threads, whatever there is to do.
///
/// **Units** num_threads: of each operator, at least 1.
/// **Errors** `std::invalid_argument` below 1.
struct Threads {
  using slot = slots::Threads;
  detail::Required<int> num_threads;
  [[no_unique_address]] detail::Checked checked = check(num_threads);  ///< No setting.

  /// What a run asks for.
  [[nodiscard]] int threads_for(double /*multiplications*/, int /*available*/) const { return num_threads; }

 private:
  static detail::Checked check(int num_threads) {
    detail::require_at_least("Threads::num_threads", num_threads, 1);
    return {};
  }
};

/// As many as the host has set.
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
