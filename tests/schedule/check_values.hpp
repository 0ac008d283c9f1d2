// SPDX-License-Identifier: Apache-2.0
/// Comparison of a schedule with reference values, and the error messages for its invalid settings.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "hone/schedule/schedule.hpp"
#include "support/catch.hpp"

namespace hone {

/// Checks that `schedule` returns `expected` at updates 0, 1, ...
template <std::size_t N>
void check_values(const auto& schedule, double base_lr, const std::array<double, N>& expected) {
  for (std::size_t n = 0; n < N; ++n) {
    CAPTURE(n);
    CHECK(schedule(base_lr, static_cast<std::int64_t>(n)) == Approx(expected[n]).epsilon(1e-12).margin(1e-18));
  }
}

/// Returns the error message of `schedule.resolved(length)`, or an empty string if it does not throw.
std::string refusal(const auto& schedule, const RunLength& length = {}) {
  try {
    static_cast<void>(schedule.resolved(length));
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

/// True if the error message begins with `name`.
bool refuses(const std::string& name, const auto& schedule, const RunLength& length = {.num_updates = 100}) {
  const auto message = refusal(schedule, length);
  CAPTURE(message);
  return message.rfind(name, 0) == 0;
}

}  // namespace hone
