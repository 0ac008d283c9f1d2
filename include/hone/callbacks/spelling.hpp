// SPDX-License-Identifier: Apache-2.0
/// What a callback's author reads when a hook would silently never be called: misspelt, uncallable, or absent.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "hone/callbacks/hooks.hpp"
#include "hone/core/fault.hpp"
#include "hone/core/near_misses.hpp"

namespace hone {

/// Optional ability: a callback that shortens epochs. `batch_limit(phase)` gives the most batches of an epoch, if any;
/// it is asked before the run is configured, so counts and schedules know.
template <class C>
concept LimitsBatches = requires(const C& callback, Phase phase) {
  { callback.batch_limit(phase) } -> std::convertible_to<std::optional<std::int64_t>>;
};

/// A callback that works only in a run, and does nothing for a lone `trainer.step(batch)`, declares
/// `static constexpr bool needs_run = true`. Then such a call throws.
template <class C>
concept NeedsRun = requires { requires C::needs_run; };

namespace detail {

#define HONE_MEMBER(miss, hook) int miss;
struct NearMissNames {
  HONE_HOOK_NEAR_MISSES(HONE_MEMBER)
};
#undef HONE_MEMBER

/// A member of `C` with one of the names makes its lookup ambiguous here.
template <class C>
struct NearMissProbe : C, NearMissNames {};

#define HONE_ENUMERATOR(name, of) name,
enum class Miss { HONE_HOOK_NEAR_MISSES(HONE_ENUMERATOR) none };
enum class Hook { HONE_HOOKS(HONE_ENUMERATOR) none };
#undef HONE_ENUMERATOR

/// The first near miss that `C` names.
template <class C>
consteval Miss first_miss() {
#define HONE_LOOK(miss, hook) !requires { &NearMissProbe<C>::miss; },
#define HONE_LOOK_IN_FINAL(miss, hook) requires { &C::miss; },
  int i = 0;
  if constexpr (!std::is_class_v<C>) {
    return Miss::none;
  } else if constexpr (std::is_final_v<C>) {
    constexpr bool named[] = {HONE_HOOK_NEAR_MISSES(HONE_LOOK_IN_FINAL) true};
    while (!named[i]) ++i;
  } else {
    constexpr bool named[] = {HONE_HOOK_NEAR_MISSES(HONE_LOOK) true};
    while (!named[i]) ++i;
  }
  return Miss{i};
#undef HONE_LOOK
#undef HONE_LOOK_IN_FINAL
}

/// The first hook that `C` names and that cannot be called with its event.
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
  struct uncallable_hook<C, Hook::hook> : hooks::hook##_hook::template misfit<C> {};
HONE_HOOKS(HONE_SENTENCE)
#undef HONE_SENTENCE

template <class C, Miss>
struct misspelt_hook;
#define HONE_SENTENCE(miss, hook)                                                                   \
  template <class C>                                                                                \
  struct misspelt_hook<C, Miss::miss> {                                                             \
    static_assert(sizeof(C) == 0, "hone: there is no hook `" #miss "`. Did you mean `" #hook "`?"); \
  };
HONE_HOOK_NEAR_MISSES(HONE_SENTENCE)
#undef HONE_SENTENCE

template <class C>
struct callback_without_hooks {
  static_assert(
      sizeof(C) == 0,
      "hone: this callback has none of the hooks, so it would never run. They are listed in callbacks/hooks.hpp.");
};

/// Names, without instantiating it, the sentence for a type that is no callback.
template <class C>
consteval auto fault_of_callback() {
  if constexpr (Relay<C>) {
    return std::type_identity<NoFault>{};
  } else if constexpr (constexpr Hook hook = first_uncallable<C>(); hook != Hook::none) {
    return std::type_identity<uncallable_hook<C, hook>>{};
  } else if constexpr (constexpr Miss miss = first_miss<C>(); miss != Miss::none) {
    return std::type_identity<misspelt_hook<C, miss>>{};
  } else if constexpr (!hears_any_event<C> && !LimitsBatches<C>) {
    return std::type_identity<callback_without_hooks<C>>{};
  } else {
    return std::type_identity<NoFault>{};
  }
}

}  // namespace detail

/// True for a callback; a compile-time error with one sentence for a type with a hook that is misspelt or cannot be
/// called, and for a type without any.
template <class C>
inline constexpr bool checked_callback = detail::without_fault<decltype(detail::fault_of_callback<C>())>;

}  // namespace hone
