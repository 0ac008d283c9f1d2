// SPDX-License-Identifier: Apache-2.0
/// Detection of class members by name, in any form: public or private, function, template, overload set, variable or
/// type. It allows an error message for a member that has the right name but cannot be used as intended.
#pragma once

#include <type_traits>

/// Defines `template <class C> constexpr bool names_MEMBER`. A second base class with the same member makes the lookup
/// ambiguous. A final class cannot be a base: its private members and its overload sets are not detected.
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
