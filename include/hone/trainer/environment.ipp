// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <system_error>

#include "hone/core/config.hpp"
#include "hone/core/format_message.hpp"
#include "hone/trainer/environment.hpp"

namespace hone {

HONE_INLINE std::optional<std::int64_t> parsed_batch_limit(std::string_view text) {
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

HONE_INLINE LimitBatchesInScope::LimitBatchesInScope(std::int64_t num_batches) {
  const auto text = std::to_string(num_batches);
  static_cast<void>(parsed_batch_limit(text));
  if (const char* const before = std::getenv(limit_batches_variable)) before_ = before;
  setenv(limit_batches_variable, text.c_str(), 1);
}

HONE_INLINE LimitBatchesInScope::~LimitBatchesInScope() {
  if (before_) {
    setenv(limit_batches_variable, before_->c_str(), 1);
  } else {
    unsetenv(limit_batches_variable);
  }
}

}  // namespace hone
