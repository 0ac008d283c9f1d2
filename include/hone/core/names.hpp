// SPDX-License-Identifier: Apache-2.0
/// Asks a class whether it has a member of a given name, in any form: public or private, function, template, overload
/// set, variable or type. A member that is named but cannot be used as meant deserves a sentence, not silence.
#pragma once

#include <type_traits>

/// Defines `template <class C> constexpr bool names_MEMBER`. A second base class with the same name makes the lookup
/// ambiguous; a class that cannot be a base is asked directly, which misses its private members and its overload sets.
#define HONE_DEFINE_NAMES(member)                           \
  struct WithMember_##member {                              \
    int member;                                             \
  };                                                        \
  template <class C>                                        \
  struct Ambiguous_##member : C, WithMember_##member {};    \
  template <class C>                                        \
  inline constexpr bool names_##member = [] {               \
    if constexpr (!std::is_class_v<C>) {                    \
      return false;                                         \
    } else if constexpr (std::is_final_v<C>) {              \
      return requires { &C::member; };                      \
    } else {                                                \
      return !requires { &Ambiguous_##member<C>::member; }; \
    }                                                       \
  }()

namespace hone::detail {

HONE_DEFINE_NAMES(forward);
HONE_DEFINE_NAMES(step);
HONE_DEFINE_NAMES(zero_grad);

}  // namespace hone::detail
