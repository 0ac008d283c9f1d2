// SPDX-License-Identifier: Apache-2.0
/// Compares a schedule with values that it did not compute, and reads what it says of settings that do not fit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "hone/schedule/schedule.hpp"
#include "support/catch.hpp"

namespace hone {

/// Holds `schedule`, asked for updates 0, 1, ..., to `expected`.
template <std::size_t N>
void check_values(const auto& schedule, double base_lr, const std::array<double, N>& expected) {
  for (std::size_t n = 0; n < N; ++n) {
    CAPTURE(n);
    CHECK(schedule(base_lr, static_cast<std::int64_t>(n)) == Approx(expected[n]).epsilon(1e-12).margin(1e-18));
  }
}

/// What `schedule` says when it is resolved; empty when it has nothing to say.
std::string refusal(const auto& schedule, const RunLength& length = {}) {
  try {
    static_cast<void>(schedule.resolved(length));
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

/// True when the refusal begins with `name`.
bool refuses(const std::string& name, const auto& schedule, const RunLength& length = {.num_updates = 100}) {
  const auto message = refusal(schedule, length);
  CAPTURE(message);
  return message.rfind(name, 0) == 0;
}

}  // namespace hone
