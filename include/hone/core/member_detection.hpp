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

/// Defines for a table of names (a macro `TABLE(X)` with rows `X(name, ...)`): the class `Names` with a member of each
/// name, `enum class Name` with the names and `none`, and `template <class C> consteval Name function()`, which returns
/// the first name that a member of `C` has, as detected by `HONE_DEFINE_NAMES`.
#define HONE_DEFINE_FIRST_NAME(function, Name, Names, TABLE)            \
  struct Names {                                                        \
    TABLE(HONE_TABLE_MEMBER)                                            \
  };                                                                    \
  enum class Name { TABLE(HONE_TABLE_ENUMERATOR) none };                \
  template <class C>                                                    \
  struct Ambiguous##Names : C, Names {};                                \
  template <class C>                                                    \
  consteval Name function() {                                           \
    int i = 0;                                                          \
    if constexpr (!std::is_class_v<C>) {                                \
      return Name::none;                                                \
    } else if constexpr (std::is_final_v<C>) {                          \
      constexpr bool named[] = {TABLE(HONE_TABLE_NAMED_IN_FINAL) true}; \
      while (!named[i]) ++i;                                            \
    } else {                                                            \
      using Ambiguous = Ambiguous##Names<C>;                            \
      constexpr bool named[] = {TABLE(HONE_TABLE_NAMED) true};          \
      while (!named[i]) ++i;                                            \
    }                                                                   \
    return Name{i};                                                     \
  }
#define HONE_TABLE_ENUMERATOR(name, ...) name,
#define HONE_TABLE_MEMBER(name, ...) int name;
#define HONE_TABLE_NAMED(name, ...) !requires { &Ambiguous::name; },
#define HONE_TABLE_NAMED_IN_FINAL(name, ...) requires { &C::name; },

namespace hone::detail {

HONE_DEFINE_NAMES(forward);
HONE_DEFINE_NAMES(step);
HONE_DEFINE_NAMES(zero_grad);

}  // namespace hone::detail
