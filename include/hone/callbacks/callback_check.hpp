// SPDX-License-Identifier: Apache-2.0
/// Compile-time checks of callbacks: a hook that is misspelled, that cannot be called, that only another framework has,
/// or that is missing.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "hone/callbacks/hooks.hpp"
#include "hone/core/fault.hpp"
#include "hone/core/typos.hpp"

namespace hone {

/// Optional: a callback that limits the batches of an epoch. `batch_limit(phase)` returns the maximum, or an empty
/// optional for no limit. It is called before the run is configured, so that counts and schedules respect the limit.
template <class C>
concept LimitsBatches = requires(const C& callback, Phase phase) {
  { callback.batch_limit(phase) } -> std::convertible_to<std::optional<std::int64_t>>;
};

/// Optional: a callback that works only within a run declares `static constexpr bool needs_run = true`. A call of
/// `trainer.step(batch)`, which is outside a run, then throws `std::logic_error`.
template <class C>
concept NeedsRun = requires { requires C::needs_run; };

namespace detail {

#define HONE_MISSES(X) HONE_HOOK_NEAR_MISSES(X) HONE_NO_HOOKS(X)
/// `first_miss<C>()` is the first misspelled hook, or hook of another framework, among the members of `C`.
HONE_DEFINE_FIRST_NAME(first_miss, Miss, NearMissNames, HONE_MISSES)
#undef HONE_MISSES
enum class Hook { HONE_HOOKS(HONE_TABLE_ENUMERATOR) none };

/// Returns the first hook among the members of `C` that cannot be called with its event.
template <class C>
consteval Hook first_uncallable() {
#define HONE_LOOK(hook, Event) (hooks::hook##_hook::named<C> && !hooks::hook##_hook::template callable<C, Event>),
  constexpr bool uncallable[] = {HONE_HOOKS(HONE_LOOK) true};
#undef HONE_LOOK
  int i = 0;
  while (!uncallable[i]) ++i;
  return Hook{i};
}

template <class C, Hook>
struct uncallable_hook;
#define HONE_SENTENCE(hook, Event) \
  template <class C>               \
  struct uncallable_hook<C, Hook::hook> : hooks::hook##_hook::template incompatible_with<C> {};
HONE_HOOKS(HONE_SENTENCE)
#undef HONE_SENTENCE

template <class C, Miss>
struct misspelt_hook;
#define HONE_SENTENCE(miss, hook)                                                               \
  template <class C>                                                                            \
  struct misspelt_hook<C, Miss::miss> {                                                         \
    static_assert(sizeof(C) == 0, "hone: unknown hook `" #miss "`. Did you mean `" #hook "`?"); \
  };
HONE_HOOK_NEAR_MISSES(HONE_SENTENCE)
#undef HONE_SENTENCE
#define HONE_SENTENCE(name, remedy)                                           \
  template <class C>                                                          \
  struct misspelt_hook<C, Miss::name> {                                       \
    static_assert(sizeof(C) == 0, "hone: unknown hook `" #name "`. " remedy); \
  };
HONE_NO_HOOKS(HONE_SENTENCE)
#undef HONE_SENTENCE

template <class C>
struct callback_without_hooks {
  static_assert(
      sizeof(C) == 0,
      "hone: this callback has no hooks, so it would never be called. Add a hook that callbacks/hooks.hpp lists.");
};

/// Returns the type of the fault, without instantiating its message, for a type that is not a callback.
template <class C>
consteval auto fault_of_callback() {
  if constexpr (EventForwarder<C>) {
    return std::type_identity<NoFault>{};
  } else if constexpr (constexpr Hook hook = first_uncallable<C>(); hook != Hook::none) {
    return std::type_identity<uncallable_hook<C, hook>>{};
  } else if constexpr (constexpr Miss miss = first_miss<C>(); miss != Miss::none) {
    return std::type_identity<misspelt_hook<C, miss>>{};
  } else if constexpr (!handles_any_event<C> && !LimitsBatches<C>) {
    return std::type_identity<callback_without_hooks<C>>{};
  } else {
    return std::type_identity<NoFault>{};
  }
}

}  // namespace detail

/// True for a callback. Does not compile, with one message, for a type with a hook that is misspelled or cannot be
/// called, for a type with a hook that only another framework has, such as `setup`, and for a type with neither a hook
/// nor a batch limit.
template <class C>
inline constexpr bool checked_callback = detail::without_fault<decltype(detail::fault_of_callback<C>())>;

namespace detail {

/// True, or the error for a callback whose limit of batches a filter would drop.
template <class C>
inline constexpr bool has_no_limit = [] {
  static_assert(!LimitsBatches<C>,
                "hone: this filter does not forward the batch limit that this callback sets. Pass the callback "
                "to the trainer without the filter.");
  return true;
}();

}  // namespace detail

}  // namespace hone
