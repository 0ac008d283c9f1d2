// SPDX-License-Identifier: Apache-2.0
/// A polynomial decay schedule.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// Polynomial decay: `m + (base_lr - m) * (1 - update / total_updates)^power`. From `total_updates` on, the value is m.
///
/// **Units** total_updates: updates; min_lr (m): a learning rate; min_lr_ratio: a multiple of the base value, from 0 to
/// 1, which takes precedence over min_lr; power: above 0, 1 is linear.
/// **Errors** `resolved` throws `std::invalid_argument` for settings that are out of range.
/// **Source** `torch.optim.lr_scheduler.PolynomialLR`, which has no minimum.
/// **Example** `PolynomialLr{.power = 0.9}`
struct PolynomialLr {
  using slot = slots::Schedule;

  Updates total_updates = run::num_updates;
  double power = 1.0;
  double min_lr = 0.0;
  std::optional<double> min_lr_ratio = std::nullopt;

  constexpr double operator()(double base_lr, std::int64_t update) const {
    const double lowest = min_lr_ratio ? *min_lr_ratio * base_lr : min_lr;
    const auto total = total_updates.count();
    if (update >= total) return lowest;
    const double left = static_cast<double>(total - update) / static_cast<double>(total);
    return lowest + (base_lr - lowest) * (power == 1.0 ? left : std::pow(left, power));
  }

  [[nodiscard]] constexpr PolynomialLr resolved(const RunLength& length) const {
    PolynomialLr result = *this;
    result.total_updates = total_updates.resolved(length, "PolynomialLr::total_updates");
    detail::require_at_least("PolynomialLr::total_updates", result.total_updates.count(), 1);
    detail::require_positive("PolynomialLr::power", power);
    detail::require_not_negative("PolynomialLr::min_lr", min_lr);
    if (min_lr_ratio) detail::require_ratio("PolynomialLr::min_lr_ratio", *min_lr_ratio);
    return result;
  }

  friend constexpr bool operator==(const PolynomialLr&, const PolynomialLr&) = default;
};
static_assert(ResolvableSchedule<PolynomialLr>);

}  // namespace hone
