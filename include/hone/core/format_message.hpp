// SPDX-License-Identifier: Apache-2.0
/// Formatting of error messages and reports.
///
/// {fmt} accepts the same patterns, but instantiates templates for each combination of argument types. That costs
/// compile time for messages that are rarely printed. Here, a call passes an array of values to a function that is not
/// a template.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hone {

/// A format argument. A string is kept as a view, which must be valid until the message is formatted.
class FormatArg {
 public:
  /// Converts from a string, a character, a bool (`true` or `false`), or a number.
  FormatArg(std::string_view text) : text_(text) {}
  FormatArg(const char* text) : text_(text) {}
  FormatArg(const std::string& text) : text_(text) {}
  FormatArg(bool value) : text_(value ? "true" : "false") {}
  FormatArg(char value) : kind_(Kind::character), character_(value) {}
  template <std::signed_integral I>
  FormatArg(I value) : kind_(Kind::integer), integer_(value) {}
  template <std::unsigned_integral I>
  FormatArg(I value) : kind_(Kind::natural), natural_(value) {}
  FormatArg(float value) : kind_(Kind::single), single_(value) {}
  FormatArg(double value) : kind_(Kind::real), real_(value) {}

  void append_to(std::string& text) const;  ///< Appends the formatted argument.

 private:
  enum class Kind : std::uint8_t { text, character, integer, natural, single, real };

  Kind kind_ = Kind::text;
  std::string_view text_;
  union {
    char character_;
    std::int64_t integer_ = 0;
    std::uint64_t natural_;
    float single_;
    double real_;
  };
};

namespace detail {

/// Appends the fewest digits that read back as the same number, in scientific notation for magnitudes of 1e16 and more,
/// and below 1e-4 except 0.
void append_shortest(std::string& text, float value);
void append_shortest(std::string& text, double value);

void one_placeholder_is_needed_for_each_argument();  // not constexpr: a call is a compile-time error

/// A format string with `num_args` placeholders, checked at compile time.
template <std::size_t num_args>
struct FormatString {
  consteval FormatString(const char* written) : text(written) {
    std::size_t num_placeholders = 0;
    for (const char* at = written; *at != 0; ++at) num_placeholders += at[0] == '{' && at[1] == '}' ? 1 : 0;
    if (num_placeholders != num_args) one_placeholder_is_needed_for_each_argument();
  }
  std::string_view text;
};

[[gnu::cold]] std::string vformat_message(std::string_view pattern, const FormatArg* arg);

}  // namespace detail

/// Returns `pattern` with a value in placeholder of each `{}`:
/// `format_message("{} is {}. Set it to 1 or greater.", {"patience", 0})`.
/// Floating-point numbers have the fewest digits that read back as the same number.
///
/// **Errors** at compile time when the number of values differs from the number of placeholders.
template <std::size_t n>
[[nodiscard]] std::string format_message(std::type_identity_t<detail::FormatString<n>> pattern,
                                         const FormatArg (&args)[n]) {
  return detail::vformat_message(pattern.text, args);
}

/// Returns the elements of a range as text, with `separator` between them.
template <class Range>
[[nodiscard]] std::string joined(const Range& range, std::string_view separator) {
  std::string text;
  bool is_first = true;
  for (const auto& element : range) {
    if (!std::exchange(is_first, false)) text += separator;
    FormatArg(element).append_to(text);
  }
  return text;
}

namespace detail {

/// Returns `value` with `digits` digits after the decimal point.
[[nodiscard]] std::string fixed(double value, int digits);
/// Returns `value` with `digits` significant digits, as `%g` formats it.
[[nodiscard]] std::string general(double value, int digits);
/// Returns `value` in scientific notation, with `digits` digits after the decimal point.
[[nodiscard]] std::string scientific(double value, int digits);
/// Returns `value` in the given base, padded with leading zeros to `width`.
[[nodiscard]] std::string zero_filled(std::uint64_t value, std::size_t width, int base = 10);
/// Returns a view of the first line of an error message, without the stack trace that may follow.
[[nodiscard]] constexpr std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

}  // namespace detail

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/core/format_message.ipp"
#endif
