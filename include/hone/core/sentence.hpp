// SPDX-License-Identifier: Apache-2.0
/// Text from a pattern and values, for errors and reports.
///
/// {fmt} writes the same from the same patterns, and is compiled anew with every call of other types; errors are many,
/// and hardly ever read. Here a call is a list of plain values and one function.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
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

/// The fewest digits that read back as the same number; powers of ten from 1e16 and below 1e-4.
void append_shortest(std::string& text, float value);
void append_shortest(std::string& text, double value);

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

[[gnu::cold]] std::string filled(std::string_view pattern, const Word* word);

}  // namespace detail

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
[[nodiscard]] std::string fixed(double value, int digits);
/// A number with so many digits in all, as `%g` writes it.
[[nodiscard]] std::string general(double value, int digits);
/// A number as a digit, `digits` behind the point and a power of ten.
[[nodiscard]] std::string scientific(double value, int digits);
/// A whole number to a base, filled up with zeros to `width`.
[[nodiscard]] std::string zero_filled(std::uint64_t value, std::size_t width, int base = 10);
/// Of an error's text: below may be a stack of calls. It refers to `text`.
[[nodiscard]] constexpr std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

}  // namespace detail

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/core/sentence.ipp"
#endif
