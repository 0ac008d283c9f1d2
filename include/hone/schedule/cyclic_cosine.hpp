// SPDX-License-Identifier: Apache-2.0
/// A cosine annealing schedule with warm restarts.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <optional>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// `cycle_limit` cycles of cosine annealing, each from a peak to the minimum m. After the last cycle, the value remains
/// m. Cycle i, counted from 0, has `cycle_updates * cycle_mul^i` updates and the peak `base_lr * cycle_decay^i`.
///
/// p is the peak and x the elapsed fraction of the cycle: `m + (p - m) / 2 (1 + cos(pi x^k_decay))`. For a warm-up
/// before the first cycle, use `Warmup{.updates = 500, .after = CyclicCosineLr{...}}`.
///
/// **Units** cycle_updates: updates; cycle_mul: at least 1; cycle_decay: from 0 to 1; cycle_limit: cycles, at least 1;
/// min_lr: a learning rate; min_lr_ratio: a multiple of the base value, from 0 to 1, which takes precedence over
/// min_lr; k_decay as in `CosineLr`.
/// **Errors** `resolved` throws `std::invalid_argument` for settings that are out of range.
/// **Source** timm's `CosineLRScheduler`, with `warmup_prefix` if there is a warm-up. With `cycle_decay` 1 and an
/// unlimited number of cycles: `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`; I. Loshchilov, F. Hutter, "SGDR:
/// Stochastic Gradient Descent with Warm Restarts", 2017.
/// **Example** `CyclicCosineLr{.cycle_updates = run::num_updates / 3, .cycle_decay = 0.5, .cycle_limit = 3}`
struct CyclicCosineLr {
  using slot = slots::Schedule;

  Updates cycle_updates = run::num_updates;
  double cycle_mul = 1.0;
  double cycle_decay = 1.0;
  std::int64_t cycle_limit = 1;
  double min_lr = 0.0;
  std::optional<double> min_lr_ratio = std::nullopt;
  double k_decay = 1.0;

  constexpr double operator()(double base_lr, std::int64_t update) const {
    const double lowest = min_lr_ratio ? *min_lr_ratio * base_lr : min_lr;
    const auto first = cycle_updates.count();
    std::int64_t cycle = 0;
    double length = static_cast<double>(first), passed = static_cast<double>(update);
    if (cycle_mul == 1.0) {
      cycle = update / first;
      passed = static_cast<double>(update % first);
    } else {
      for (; passed >= length && cycle < cycle_limit; ++cycle, length *= cycle_mul) passed -= length;
    }
    if (cycle >= cycle_limit) return lowest;
    const double peak = cycle_decay == 1.0 ? base_lr : base_lr * std::pow(cycle_decay, static_cast<double>(cycle));
    const double progress = passed / length;
    const double shaped = k_decay == 1.0 ? progress : std::pow(progress, k_decay);
    const double half = std::cos(std::numbers::pi / 2.0 * shaped);  // as in CosineLr
    return std::lerp(lowest, peak, half * half);
  }

  [[nodiscard]] constexpr CyclicCosineLr resolved(const RunLength& length) const {
    CyclicCosineLr result = *this;
    result.cycle_updates = cycle_updates.resolved(length, "CyclicCosineLr::cycle_updates");
    detail::require_at_least("CyclicCosineLr::cycle_updates", result.cycle_updates.count(), 1);
    detail::require_setting(detail::is_finite(cycle_mul) && cycle_mul >= 1.0, "CyclicCosineLr::cycle_mul", cycle_mul,
                            "Set it to a finite number, 1 or greater.");
    detail::require_ratio("CyclicCosineLr::cycle_decay", cycle_decay);
    detail::require_at_least("CyclicCosineLr::cycle_limit", cycle_limit, 1);
    detail::require_not_negative("CyclicCosineLr::min_lr", min_lr);
    if (min_lr_ratio) detail::require_ratio("CyclicCosineLr::min_lr_ratio", *min_lr_ratio);
    detail::require_positive("CyclicCosineLr::k_decay", k_decay);
    return result;
  }

  friend constexpr bool operator==(const CyclicCosineLr&, const CyclicCosineLr&) = default;
};
static_assert(ResolvableSchedule<CyclicCosineLr>);

}  // namespace hone
