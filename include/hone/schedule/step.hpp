// SPDX-License-Identifier: Apache-2.0
/// A step decay schedule.
#pragma once

#include <cstdint>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// Step decay: `base_lr * gamma^(update / step_size)`, with the division rounded down.
///
/// **Units** step_size: updates, at least 1; required.
/// **Errors** `resolved` throws `std::invalid_argument` for settings that are out of range.
/// **Source** `torch.optim.lr_scheduler.StepLR`, whose `step_size` counts calls of `step`, usually one per epoch.
/// **Example** `StepLr{.step_size = 30 * run::num_updates_per_epoch, .gamma = 0.1}`
struct StepLr {
  using slot = slots::Schedule;

  Updates step_size = 0;
  double gamma = 0.1;

  constexpr double operator()(double base_lr, std::int64_t update) const {
    return base_lr * power(gamma, update / step_size.count());
  }

  [[nodiscard]] constexpr StepLr resolved(const RunLength& length) const {
    StepLr result = *this;
    result.step_size = step_size.resolved(length, "StepLr::step_size");
    detail::require_at_least("StepLr::step_size", result.step_size.count(), 1);
    detail::require_not_negative("StepLr::gamma", gamma);
    return result;
  }

  friend constexpr bool operator==(const StepLr&, const StepLr&) = default;

 private:
  // std::pow is not constexpr.
  static constexpr double power(double base, std::int64_t exponent) {
    double result = 1.0;
    for (; exponent > 0; exponent /= 2, base *= base) {
      if (exponent % 2 == 1) result *= base;
    }
    return result;
  }
};
static_assert(ResolvableSchedule<StepLr>);

}  // namespace hone
