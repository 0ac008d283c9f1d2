// SPDX-License-Identifier: Apache-2.0
/// The environment variable `HONE_LIMIT_BATCHES=n`, which limits every epoch of training and evaluation to n batches,
/// to try out a program without changing it.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hone/core/format_message.hpp"

namespace hone {

/// The environment variable that limits the batches of each epoch.
inline constexpr const char* limit_batches_variable = "HONE_LIMIT_BATCHES";

/// Returns the maximum number of batches per epoch in `text`. Returns nothing for `none`, in upper or lower case.
///
/// **Errors** `std::invalid_argument` unless `text` is `none` or an integer of at least 1.
[[nodiscard]] inline std::optional<std::int64_t> parsed_batch_limit(std::string_view text) {
  const auto is_same = [](char a, char b) { return (a | 0x20) == b; };  // upper case differs from lower in this bit
  if (std::ranges::equal(text, std::string_view("none"), is_same)) return std::nullopt;
  std::int64_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc{} || end != text.data() + text.size() || limit < 1) {
    throw std::invalid_argument(format_message("{} is `{}`. Set it to a number of batches, 1 or greater, or to `none`.",
                                               {limit_batches_variable, text}));
  }
  return limit;
}

/// Returns the limit that the environment variable currently sets. Returns nothing if it is not set.
///
/// **Errors** as for `parsed_batch_limit`.
[[nodiscard]] inline std::optional<std::int64_t> environment_batch_limit() {
  const char* const text = std::getenv(limit_batches_variable);
  return text == nullptr ? std::nullopt : parsed_batch_limit(text);
}

/// Sets `HONE_LIMIT_BATCHES` during its lifetime, for tests of programs, and then restores the previous value. A run
/// reads the variable when it starts. Not thread-safe: the environment belongs to the process.
///
/// **Errors** `std::invalid_argument` if the limit is below 1.
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
