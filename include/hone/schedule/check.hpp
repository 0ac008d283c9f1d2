// SPDX-License-Identifier: Apache-2.0
/// How a schedule refuses a setting: one sentence with the field, its value and the remedy.
#pragma once

#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hone/core/finite.hpp"

namespace hone::detail {

/// The shortest text that reads back as the same number. Not fmt: schedules compile in next to no time without it.
[[nodiscard]] inline std::string number_text(auto value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

[[noreturn]] inline void reject_setting(std::string_view field, const std::string& value, std::string_view remedy) {
  throw std::invalid_argument(std::string(field) + " is " + value + ". " + std::string(remedy));
}

/// **Errors** `std::invalid_argument` unless `fine`.
/// **Example** `check_setting(gamma >= 0, "StepLr::gamma", gamma, "Give a number of at least 0.");`
constexpr void check_setting(bool fine, std::string_view field, auto value, std::string_view remedy) {
  if (!fine) reject_setting(field, number_text(value), remedy);
}

/// The checks that most settings need. None of them lets NaN or infinity pass.
constexpr void check_not_negative(std::string_view field, double value) {
  check_setting(is_finite(value) && value >= 0.0, field, value, "Give a finite number of at least 0.");
}
constexpr void check_positive(std::string_view field, double value) {
  check_setting(is_finite(value) && value > 0.0, field, value, "Give a finite number above 0.");
}
constexpr void check_ratio(std::string_view field, double value) {
  check_setting(is_finite(value) && value >= 0.0 && value <= 1.0, field, value, "Give a number from 0 to 1.");
}
constexpr void check_at_least(std::string_view field, std::int64_t value, std::int64_t least) {
  check_setting(value >= least, field, value, least == 0 ? "Give 0 or more." : "Give 1 or more.");
}

}  // namespace hone::detail
