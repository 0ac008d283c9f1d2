// SPDX-License-Identifier: Apache-2.0
/// What the environment says to every run of a process: `HONE_LIMIT_BATCHES=n` shortens each epoch of training and of
/// evaluation, so that a program can be tried out as it is.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hone/core/sentence.hpp"

namespace hone {

inline constexpr const char* limit_batches_variable = "HONE_LIMIT_BATCHES";

/// The batches that `text` lets an epoch have, at most; `none` is no limit.
///
/// **Errors** `std::invalid_argument` for what is neither `none` nor a number, 1 or more.
[[nodiscard]] inline std::optional<std::int64_t> parsed_batch_limit(std::string_view text) {
  const auto is_same = [](char a, char b) { return (a | 0x20) == b; };  // upper case differs from lower in this bit
  if (std::ranges::equal(text, std::string_view("none"), is_same)) return std::nullopt;
  std::int64_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc{} || end != text.data() + text.size() || limit < 1) {
    throw std::invalid_argument(
        sentence("{} is `{}`. Give a number of batches, 1 or more, or `none`.", {limit_batches_variable, text}));
  }
  return limit;
}

/// The limit of the environment as it is now.
///
/// **Errors** as above.
[[nodiscard]] inline std::optional<std::int64_t> environment_batch_limit() {
  const char* const text = std::getenv(limit_batches_variable);
  return text == nullptr ? std::nullopt : parsed_batch_limit(text);
}

/// Sets `HONE_LIMIT_BATCHES` as long as it lives, for tests of programs. A run reads it when it starts.
///
/// **Errors** `std::invalid_argument` when the limit is below 1.
/// **Example** `const hone::LimitBatchesInScope limit(10);`
class LimitBatchesInScope {
 public:
  explicit LimitBatchesInScope(std::int64_t num_batches) {
    const auto text = std::to_string(num_batches);
    static_cast<void>(parsed_batch_limit(text));
    if (const char* const before = std::getenv(limit_batches_variable)) before_ = before;
    setenv(limit_batches_variable, text.c_str(), 1);
  }
  LimitBatchesInScope(const LimitBatchesInScope&) = delete;
  LimitBatchesInScope& operator=(const LimitBatchesInScope&) = delete;
  ~LimitBatchesInScope() {
    if (before_) {
      setenv(limit_batches_variable, before_->c_str(), 1);
    } else {
      unsetenv(limit_batches_variable);
    }
  }

 private:
  std::optional<std::string> before_;
};

}  // namespace hone
