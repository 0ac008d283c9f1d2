// SPDX-License-Identifier: Apache-2.0
/// Text from a pattern and values, for errors and reports.
///
/// {fmt} writes the same from the same patterns, and is compiled anew with every call of other types; errors are many,
/// and hardly ever read. Here a call is a list of plain values and one function.
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

namespace hone {

/// A value in a sentence. It refers to text that has to live as long as the sentence is being written.
class Word {
 public:
  Word(std::string_view text) : text_(text) {}
  Word(const char* text) : text_(text) {}
  Word(const std::string& text) : text_(text) {}
  Word(bool value) : text_(value ? "true" : "false") {}
  Word(char value) : kind_(Kind::character), character_(value) {}
  template <std::signed_integral I>
  Word(I value) : kind_(Kind::integer), integer_(value) {}
  template <std::unsigned_integral I>
  Word(I value) : kind_(Kind::natural), natural_(value) {}
  Word(float value) : kind_(Kind::single), single_(value) {}
  Word(double value) : kind_(Kind::real), real_(value) {}

  void append_to(std::string& text) const;

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

template <class Number>
void append_number(std::string& text, Number value) {
  char digits[32];
  text.append(digits, std::to_chars(digits, std::end(digits), value).ptr);
}
/// The fewest digits that read back as the same number; powers of ten from 1e16 and below 1e-4.
template <class Number>
void append_shortest(std::string& text, Number value) {
  char digits[64];
  const auto size = static_cast<double>(value < 0 ? -value : value);
  const bool is_plain = size == 0.0 || (size >= 1e-4 && size < 1e16);
  const auto layout = is_plain ? std::chars_format::fixed : std::chars_format::scientific;
  text.append(digits, std::to_chars(digits, std::end(digits), value, layout).ptr);
}

void a_sentence_has_one_word_for_each_place();  // not there: a call of it ends the compilation

/// A pattern with `words` places.
template <std::size_t words>
struct Pattern {
  consteval Pattern(const char* written) : text(written) {
    std::size_t places = 0;
    for (const char* at = written; *at != 0; ++at) places += at[0] == '{' && at[1] == '}' ? 1 : 0;
    if (places != words) a_sentence_has_one_word_for_each_place();
  }
  std::string_view text;
};

[[gnu::cold]] inline std::string filled(std::string_view pattern, const Word* word) {
  std::string text;
  for (auto place = pattern.find("{}"); place != pattern.npos; place = pattern.find("{}")) {
    text += pattern.substr(0, place);
    (word++)->append_to(text);
    pattern.remove_prefix(place + 2);
  }
  return text += pattern;
}

}  // namespace detail

inline void Word::append_to(std::string& text) const {
  switch (kind_) {
    case Kind::text: text += text_; break;
    case Kind::character: text += character_; break;
    case Kind::integer: detail::append_number(text, integer_); break;
    case Kind::natural: detail::append_number(text, natural_); break;
    case Kind::single: detail::append_shortest(text, single_); break;
    case Kind::real: detail::append_shortest(text, real_); break;
  }
}

/// `pattern` with a word in place of each `{}`: `sentence("{} is {}. Give 1 or more.", {"patience", 0})`. Numbers with
/// a fraction are written with the fewest digits that read back as the same.
///
/// **Errors** at compile time when there are more or fewer words than places.
template <std::size_t n>
[[nodiscard]] std::string sentence(std::type_identity_t<detail::Pattern<n>> pattern, const Word (&words)[n]) {
  return detail::filled(pattern.text, words);
}

/// The elements of a list, as words, with `separator` between them.
template <class Range>
[[nodiscard]] std::string joined(const Range& range, std::string_view separator) {
  std::string text;
  bool is_first = true;
  for (const auto& element : range) {
    if (!std::exchange(is_first, false)) text += separator;
    Word(element).append_to(text);
  }
  return text;
}

namespace detail {

/// A number with `digits` behind the point.
[[nodiscard]] inline std::string fixed(double value, int digits) {
  char text[352];
  return {text, std::to_chars(text, std::end(text), value, std::chars_format::fixed, digits).ptr};
}
/// A number with so many digits in all, as `%g` writes it.
[[nodiscard]] inline std::string general(double value, int digits) {
  char text[64];
  return {text, std::to_chars(text, std::end(text), value, std::chars_format::general, digits).ptr};
}
/// A number as a digit, `digits` behind the point and a power of ten.
[[nodiscard]] inline std::string scientific(double value, int digits) {
  char text[64];
  return {text, std::to_chars(text, std::end(text), value, std::chars_format::scientific, digits).ptr};
}
/// A whole number to a base, filled up with zeros to `width`.
[[nodiscard]] inline std::string zero_filled(std::uint64_t value, std::size_t width, int base = 10) {
  char text[64];
  const std::string digits(text, std::to_chars(text, std::end(text), value, base).ptr);
  return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

}  // namespace detail

}  // namespace hone
