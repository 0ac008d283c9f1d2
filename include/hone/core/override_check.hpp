// SPDX-License-Identifier: Apache-2.0
/// Compile-time errors for members of a type with overrides that would never be called: misspelled overrides, overrides
/// with the name from another framework, and hooks of callbacks.
#pragma once

#include <type_traits>

#include "hone/core/overrides.hpp"
#include "hone/core/typos.hpp"

namespace hone::detail {

#define HONE_ANY_HOOKS(X) HONE_HOOK_NAMES(X) HONE_HOOK_NEAR_MISSES(X) HONE_NO_HOOKS(X)
/// `first_override_miss<C>()` is the first near miss of an override that `C` has as a member, `first_hook_name<C>()` the
/// first hook, or near miss of a hook.
HONE_DEFINE_FIRST_NAME(first_override_miss, OverrideMiss, OverrideMissNames, HONE_OVERRIDE_NEAR_MISSES)
HONE_DEFINE_FIRST_NAME(first_hook_name, HookName, HookNames, HONE_ANY_HOOKS)
#undef HONE_ANY_HOOKS

template <class C, OverrideMiss>
struct misspelt_override;
#define HONE_SENTENCE(miss, remedy)                                               \
  template <class C>                                                              \
  struct misspelt_override<C, OverrideMiss::miss> {                               \
    static_assert(sizeof(C) == 0, "hone: unknown override `" #miss "`. " remedy); \
  };
HONE_OVERRIDE_NEAR_MISSES(HONE_SENTENCE)
#undef HONE_SENTENCE

/// False: no hook of a type with overrides is called. A template, so that the assertion depends on `C`.
template <class C, HookName>
inline constexpr bool is_called = false;

template <class C, HookName hook>
struct hook_among_overrides {
  static_assert(is_called<C, hook>,
                "hone: a type with overrides has a hook (`on_...`), but only callbacks have hooks. Move the hook to a "
                "callback, which is a type without overrides, and pass the callback to the constructor.");
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
