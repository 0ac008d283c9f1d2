// SPDX-License-Identifier: Apache-2.0
/// Checks of settings. The error for a setting that is out of range contains its name, its value and the remedy.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hone/core/finite.hpp"

namespace hone::detail {

/// Returns the shortest text that reads back as the same number. Does not use {fmt}, which is slow to compile.
[[nodiscard]] inline std::string number_text(auto value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

[[noreturn, gnu::cold]] inline void reject_setting(std::string_view field, const std::string& value,
                                                   std::string_view remedy) {
  throw std::invalid_argument(std::string(field) + " is " + value + ". " + std::string(remedy));
}

/// **Errors** `std::invalid_argument` unless `fine`.
/// **Example** `require_setting(gamma >= 0, "StepLr::gamma", gamma, "Set it to a number of at least 0.");`
constexpr void require_setting(bool fine, std::string_view field, auto value, std::string_view remedy) {
  if (!fine) reject_setting(field, number_text(value), remedy);
}

/// Checks of the most common ranges. Each rejects NaN and infinity.
constexpr void require_not_negative(std::string_view field, double value) {
  require_setting(is_finite(value) && value >= 0.0, field, value, "Set it to a finite number of at least 0.");
}
constexpr void require_positive(std::string_view field, double value) {
  require_setting(is_finite(value) && value > 0.0, field, value, "Set it to a finite number greater than 0.");
}
constexpr void require_ratio(std::string_view field, double value) {
  require_setting(is_finite(value) && value >= 0.0 && value <= 1.0, field, value, "Set it to a number from 0 to 1.");
}
constexpr void require_at_least(std::string_view field, std::int64_t value, std::int64_t least) {
  if (value < least) reject_setting(field, number_text(value), "Set it to " + number_text(least) + " or greater.");
}
inline void require_at_least(std::string_view field, const std::optional<std::int64_t>& value, std::int64_t least) {
  if (value) require_at_least(field, *value, least);
}

/// An empty member after the settings of an aggregate, whose initializer checks them when an object is made:
/// `[[no_unique_address]] Checked checked = checked_settings(max_norm);`.
struct Checked {
  friend constexpr bool operator==(Checked, Checked) = default;
};

/// A setting without a default: an aggregate initialization that omits it does not compile.
template <class T>
class Required {
 public:
  constexpr Required(T value) : value_(value) {}   // NOLINT: implicit, used like the value
  constexpr operator T() const { return value_; }  // NOLINT: likewise

 private:
  T value_;
};

}  // namespace hone::detail
