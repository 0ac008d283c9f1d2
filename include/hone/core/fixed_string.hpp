// SPDX-License-Identifier: Apache-2.0
/// Strings as template arguments.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace hone {

/// A string literal as a compile-time value. Equal literals are equal template arguments, so they give the same type.
///
/// **Example** `template <hone::FixedString name> struct Tag {};` is written `Tag<"head">`.
template <std::size_t size>
struct FixedString {
  char letters[size]{};  ///< With the terminating null character.

  // NOLINTNEXTLINE(google-explicit-constructor): a literal is meant to become one
  consteval FixedString(const char (&literal)[size]) {
    for (std::size_t i = 0; i < size; ++i) letters[i] = literal[i];
  }

  /// Returns the characters without the terminating null character.
  [[nodiscard]] constexpr std::string_view view() const { return {letters, size - 1}; }
};

/// Returns whether no two of `names` are equal.
[[nodiscard]] consteval bool all_differ(std::initializer_list<std::string_view> names) {
  for (const auto* a = names.begin(); a != names.end(); ++a) {
    for (const auto* b = names.begin(); b != a; ++b) {
      if (*a == *b) return false;
    }
  }
  return true;
}

}  // namespace hone
