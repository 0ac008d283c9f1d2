// SPDX-License-Identifier: Apache-2.0
/// Compile-time errors for members of a type with overrides that would never be called: misspelled overrides, overrides
/// with the name from another framework, and hooks of callbacks.
#pragma once

#include <type_traits>

#include "hone/core/near_misses.hpp"
#include "hone/core/overrides.hpp"

namespace hone::detail {

#define HONE_MEMBER(name, ...) int name;
struct OverrideMissNames {
  HONE_OVERRIDE_NEAR_MISSES(HONE_MEMBER)
};
struct HookNames {
  HONE_HOOK_NAMES(HONE_MEMBER)
  HONE_HOOK_NEAR_MISSES(HONE_MEMBER)
};
#undef HONE_MEMBER

/// A class in which the lookup of a name of `Names` is ambiguous if `C` has a member of that name.
template <class C, class Names>
struct NameProbe : C, Names {};

#define HONE_ENUMERATOR(name, ...) name,
enum class OverrideMiss { HONE_OVERRIDE_NEAR_MISSES(HONE_ENUMERATOR) none };
enum class HookName { HONE_HOOK_NAMES(HONE_ENUMERATOR) HONE_HOOK_NEAR_MISSES(HONE_ENUMERATOR) none };
#undef HONE_ENUMERATOR

/// Returns the first near miss of an override that `C` has as a member, or `none`.
template <class C>
consteval OverrideMiss first_override_miss() {
#define HONE_LOOK(name, ...) !requires { &NameProbe<C, OverrideMissNames>::name; },
#define HONE_LOOK_IN_FINAL(name, ...) requires { &C::name; },
  int i = 0;
  if constexpr (!std::is_class_v<C>) {
    return OverrideMiss::none;
  } else if constexpr (std::is_final_v<C>) {
    constexpr bool named[] = {HONE_OVERRIDE_NEAR_MISSES(HONE_LOOK_IN_FINAL) true};
    while (!named[i]) ++i;
  } else {
    constexpr bool named[] = {HONE_OVERRIDE_NEAR_MISSES(HONE_LOOK) true};
    while (!named[i]) ++i;
  }
  return OverrideMiss{i};
#undef HONE_LOOK
}

/// Returns the first hook, or near miss of a hook, that `C` has as a member, or `none`.
template <class C>
consteval HookName first_hook_name() {
#define HONE_LOOK(name, ...) !requires { &NameProbe<C, HookNames>::name; },
  int i = 0;
  if constexpr (!std::is_class_v<C>) {
    return HookName::none;
  } else if constexpr (std::is_final_v<C>) {
    constexpr bool named[] = {HONE_HOOK_NAMES(HONE_LOOK_IN_FINAL) HONE_HOOK_NEAR_MISSES(HONE_LOOK_IN_FINAL) true};
    while (!named[i]) ++i;
  } else {
    constexpr bool named[] = {HONE_HOOK_NAMES(HONE_LOOK) HONE_HOOK_NEAR_MISSES(HONE_LOOK) true};
    while (!named[i]) ++i;
  }
  return HookName{i};
#undef HONE_LOOK
#undef HONE_LOOK_IN_FINAL
}

template <class C, OverrideMiss>
struct misspelt_override;
#define HONE_SENTENCE(miss, remedy)                                                   \
  template <class C>                                                                  \
  struct misspelt_override<C, OverrideMiss::miss> {                                   \
    static_assert(sizeof(C) == 0, "hone: there is no override `" #miss "`. " remedy); \
  };
HONE_OVERRIDE_NEAR_MISSES(HONE_SENTENCE)
#undef HONE_SENTENCE

/// False: no hook of a type with overrides is called. A template, so that the assertion depends on `C`.
template <class C, HookName>
inline constexpr bool is_called = false;

template <class C, HookName hook>
struct hook_among_overrides {
  static_assert(
      is_called<C, hook>,
      "hone: a type with overrides has a hook (`on_...`), and hooks are called on callbacks only. Callbacks go to "
      "the constructor: move the hook to a type without overrides, and give that one to it too.");
};

/// True if `C`, which is not a policy, has no near miss of an override and, if it has overrides, no hook or near miss
/// of a hook.
template <class C>
inline constexpr bool has_right_names =
    first_override_miss<C>() == OverrideMiss::none && (!Overriding<C> || first_hook_name<C>() == HookName::none);

/// Returns the error type for a `C` without `has_right_names`, without instantiating it.
template <class C>
consteval auto fault_of_names() {
  if constexpr (constexpr OverrideMiss miss = first_override_miss<C>(); miss != OverrideMiss::none) {
    return std::type_identity<misspelt_override<C, miss>>{};
  } else {
    return std::type_identity<hook_among_overrides<C, first_hook_name<C>()>>{};
  }
}

}  // namespace hone::detail
