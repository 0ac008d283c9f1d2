// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hone/core/config.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

namespace detail {

template <class Number>
void append_number(std::string& text, Number value) {
  char digits[32];
  text.append(digits, std::to_chars(digits, std::end(digits), value).ptr);
}
template <class Number>
void append_shortest_number(std::string& text, Number value) {
  char digits[64];
  const auto size = static_cast<double>(value < 0 ? -value : value);
  const bool is_plain = size == 0.0 || (size >= 1e-4 && size < 1e16);
  const auto layout = is_plain ? std::chars_format::fixed : std::chars_format::scientific;
  text.append(digits, std::to_chars(digits, std::end(digits), value, layout).ptr);
}

HONE_INLINE void append_shortest(std::string& text, float value) { append_shortest_number(text, value); }
HONE_INLINE void append_shortest(std::string& text, double value) { append_shortest_number(text, value); }

HONE_INLINE std::string vformat_message(std::string_view pattern, const FormatArg* arg) {
  std::string text;
  for (auto placeholder = pattern.find("{}"); placeholder != pattern.npos; placeholder = pattern.find("{}")) {
    text += pattern.substr(0, placeholder);
    (arg++)->append_to(text);
    pattern.remove_prefix(placeholder + 2);
  }
  return text += pattern;
}

}  // namespace detail

HONE_INLINE void FormatArg::append_to(std::string& text) const {
  switch (kind_) {
    case Kind::text:
      text += text_;
      break;
    case Kind::character:
      text += character_;
      break;
    case Kind::integer:
      detail::append_number(text, integer_);
      break;
    case Kind::natural:
      detail::append_number(text, natural_);
      break;
    case Kind::single:
      detail::append_shortest(text, single_);
      break;
    case Kind::real:
      detail::append_shortest(text, real_);
      break;
  }
}

namespace detail {

HONE_INLINE std::string fixed(double value, int digits) {
  char text[352];
  return {text, std::to_chars(text, std::end(text), value, std::chars_format::fixed, digits).ptr};
}

HONE_INLINE std::string general(double value, int digits) {
  char text[64];
  return {text, std::to_chars(text, std::end(text), value, std::chars_format::general, digits).ptr};
}

HONE_INLINE std::string scientific(double value, int digits) {
  char text[64];
  return {text, std::to_chars(text, std::end(text), value, std::chars_format::scientific, digits).ptr};
}

HONE_INLINE std::string zero_filled(std::uint64_t value, std::size_t width, int base) {
  char text[64];
  const std::string digits(text, std::to_chars(text, std::end(text), value, base).ptr);
  return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

}  // namespace detail

}  // namespace hone
