// SPDX-License-Identifier: Apache-2.0
/// A constant learning rate.
#pragma once

#include <cstdint>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// A constant learning rate: `base_lr * factor`.
///
/// **Errors** `resolved` throws `std::invalid_argument` for a factor that is negative or not finite.
struct ConstantLr {
  using slot = slots::Schedule;

  double factor = 1.0;

  constexpr double operator()(double base_lr, std::int64_t /*update*/) const { return base_lr * factor; }

  [[nodiscard]] constexpr ConstantLr resolved(const RunLength& /*length*/) const {
    detail::require_not_negative("ConstantLr::factor", factor);
    return *this;
  }

  friend constexpr bool operator==(const ConstantLr&, const ConstantLr&) = default;
};
static_assert(ResolvableSchedule<ConstantLr>);

}  // namespace hone
