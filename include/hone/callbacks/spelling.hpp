// SPDX-License-Identifier: Apache-2.0
/// What a callback's author reads when a hook would silently never be called: misspelt, uncallable, or absent.
#pragma once

#include "hone/callbacks/hooks.hpp"
#include "hone/callbacks/near_misses.hpp"

namespace hone {

namespace detail {

#define HONE_MEMBER(miss, hook) int miss;
struct NearMissNames {
  HONE_NEAR_MISSES(HONE_MEMBER)
};
#undef HONE_MEMBER

/// A member of `C` with one of the names makes its lookup ambiguous here.
template <class C>
struct NearMissProbe : C, NearMissNames {};

#define HONE_DEFINE_MISSPELT(miss, hook)                                                                      \
  template <class C>                                                                                          \
  struct misspelt_##miss {                                                                                    \
    static_assert(sizeof(C) == 0, "hone: there is no hook `" #miss "`. Did you mean `" #hook "`?"); \
  };
HONE_NEAR_MISSES(HONE_DEFINE_MISSPELT)
#undef HONE_DEFINE_MISSPELT

/// How many near misses `C` names. With `explain`, each of them is a compile-time error.
template <class C, bool explain>
consteval int near_misses() {
  int found = 0;
  if constexpr (std::is_class_v<C> && !std::is_final_v<C>) {
#define HONE_LOOK(miss, hook)                                         \
  if constexpr (!requires { &NearMissProbe<C>::miss; }) {             \
    ++found;                                                          \
    if constexpr (explain) (void)sizeof(misspelt_##miss<C>);          \
  }
    HONE_NEAR_MISSES(HONE_LOOK)
#undef HONE_LOOK
  }
  return found;
}

template <class C>
struct callback_without_hooks {
  static_assert(sizeof(C) == 0,
                "hone: this callback has none of the hooks, so it would never run. They are listed in callbacks/hooks.hpp.");
};

/// How many hooks `C` names that cannot be called with their event. With `explain`, each is a compile-time error.
template <class C, bool explain>
consteval int uncallable_hooks() {
  int found = 0;
#define HONE_CHECK(hook, Event)                                                                           \
  if constexpr (hooks::hook##_hook::named<C> && !hooks::hook##_hook::template callable<C, Event>) {       \
    ++found;                                                                                              \
    if constexpr (explain) (void)sizeof(typename hooks::hook##_hook::template misfit<C>);                 \
  }
  HONE_HOOKS(HONE_CHECK)
#undef HONE_CHECK
  return found;
}

}  // namespace detail

/// Optional ability: a callback that shortens epochs. `batch_limit(phase)` gives the most batches of an epoch, if any;
/// it is asked before the run is configured, so counts and schedules know.
template <class C>
concept LimitsBatches = requires(const C& callback, Phase phase) {
  { callback.batch_limit(phase) } -> std::convertible_to<std::optional<std::int64_t>>;
};

/// True when every hook that `C` has, or seems to mean, will be called. Never an error by itself.
template <class C>
inline constexpr bool is_callback =
    Relay<C> || (detail::uncallable_hooks<C, false>() == 0 && detail::near_misses<C, false>() == 0 &&
                 (hears_any_event<C> || LimitsBatches<C>));

/// The sentence for a type that is no callback. Instantiated (`sizeof`) only when `is_callback<C>` is false.
template <class C>
struct explain_callback {
  static constexpr int faults = detail::uncallable_hooks<C, true>() + detail::near_misses<C, true>();
  static consteval int explain() {
    if constexpr (faults == 0) return sizeof(detail::callback_without_hooks<C>);
    return faults;
  }
  static constexpr int value = explain();
};

}  // namespace hone
