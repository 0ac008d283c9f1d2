// SPDX-License-Identifier: Apache-2.0
/// A linear schedule from one multiple of the base value to another.
#pragma once

#include <cstdint>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// Linear interpolation from `base_lr * start_factor` at update 0 to `base_lr * end_factor` at update `total_updates`.
/// After that, the value remains constant.
///
/// **Units** total_updates: updates; factors: multiples of the base value, at least 0.
/// **Errors** `resolved` throws `std::invalid_argument` for settings that are out of range.
/// **Source** `torch.optim.lr_scheduler.LinearLR`, with the same default factors. Its `total_iters` defaults to 5;
/// `total_updates` defaults to the whole run.
/// **Example** `LinearLr{.start_factor = 1.0, .end_factor = 0.0}`
struct LinearLr {
  using slot = slots::Schedule;

  Updates total_updates = run::num_updates;
  double start_factor = 1.0 / 3.0;
  double end_factor = 1.0;

  constexpr double operator()(double base_lr, std::int64_t update) const {
    const auto total = total_updates.count();
    if (update >= total) return base_lr * end_factor;
    const double progress = static_cast<double>(update) / static_cast<double>(total);
    return base_lr * (start_factor + (end_factor - start_factor) * progress);
  }

  [[nodiscard]] constexpr LinearLr resolved(const RunLength& length) const {
    LinearLr result = *this;
    result.total_updates = total_updates.resolved(length, "LinearLr::total_updates");
    detail::require_at_least("LinearLr::total_updates", result.total_updates.count(), 1);
    detail::require_not_negative("LinearLr::start_factor", start_factor);
    detail::require_not_negative("LinearLr::end_factor", end_factor);
    return result;
  }

  friend constexpr bool operator==(const LinearLr&, const LinearLr&) = default;
};
static_assert(ResolvableSchedule<LinearLr>);

}  // namespace hone
