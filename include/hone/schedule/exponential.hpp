// SPDX-License-Identifier: Apache-2.0
/// An exponential decay schedule.
#pragma once

#include <cmath>
#include <cstdint>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// Exponential decay: `base_lr * gamma^(update / decay_updates)`. The exponent is not rounded, so the value changes at
/// each update.
///
/// **Units** gamma: the factor for each `decay_updates` updates, above 0; required. decay_updates: updates, at least 1.
/// **Errors** `resolved` throws `std::invalid_argument` for settings that are out of range.
/// **Source** `torch.optim.lr_scheduler.ExponentialLR`.
/// **Example** `ExponentialLr{.gamma = 0.95, .decay_updates = run::num_updates_per_epoch}`
struct ExponentialLr {
  using slot = slots::Schedule;

  double gamma = 0.0;
  Updates decay_updates = 1;

  constexpr double operator()(double base_lr, std::int64_t update) const {
    return base_lr * std::pow(gamma, static_cast<double>(update) / static_cast<double>(decay_updates.count()));
  }

  [[nodiscard]] constexpr ExponentialLr resolved(const RunLength& length) const {
    ExponentialLr result = *this;
    result.decay_updates = decay_updates.resolved(length, "ExponentialLr::decay_updates");
    detail::require_at_least("ExponentialLr::decay_updates", result.decay_updates.count(), 1);
    detail::require_positive("ExponentialLr::gamma", gamma);
    return result;
  }

  friend constexpr bool operator==(const ExponentialLr&, const ExponentialLr&) = default;
};
static_assert(ResolvableSchedule<ExponentialLr>);

}  // namespace hone
