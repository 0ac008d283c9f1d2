// SPDX-License-Identifier: Apache-2.0
/// Checks of settings. The error for a setting that is out of range contains its name, its value and the remedy.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

[[noreturn, gnu::cold]] inline void reject_setting(std::string_view field, FormatArg value, std::string_view remedy) {
  throw std::invalid_argument(format_message("{} is {}. {}", {field, value, remedy}));
}

/// **Errors** `std::invalid_argument` unless `fine`.
/// **Example** `require_setting(gamma >= 0, "StepLr::gamma", gamma, "Set it to a number of at least 0.");`
constexpr void require_setting(bool fine, std::string_view field, auto value, std::string_view remedy) {
  if (!fine) reject_setting(field, value, remedy);
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
  if (value < least) reject_setting(field, value, format_message("Set it to {} or greater.", {least}));
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
