// SPDX-License-Identifier: Apache-2.0
/// A cosine annealing schedule with warm-up and cool-down.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <optional>
#include <string>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// Linear warm-up for `warmup_updates`, then cosine annealing to the minimum. The value remains at the minimum for the
/// last `cooldown_updates` and after the end.
///
/// b is the base value, s the start, m the minimum, n the update; W, C and T are the warm-up, cool-down and total:
///
///     n < W        s + (b - s) n / W
///     n < T - C    m + (b - m) / 2 (1 + cos(pi x^k)),  x = (n - W) / (T - W - C)
///     otherwise    m
///
/// **Units** `*_updates`: updates; `*_lr`: learning rates; `*_ratio`: multiples of the base value, from 0 to 1. A
/// `*_ratio` takes precedence over the corresponding `*_lr`. k_decay (k): above 0; above 1 delays the decay, below 1
/// advances it.
/// **Errors** `resolved` throws `std::invalid_argument` for settings that are out of range, or if W + C >= T.
/// **Source** I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, without restarts.
/// The settings match timm's `CosineLRScheduler` and pytorch-accelerated's `CosineLrScheduler`.
/// **Example** `CosineLr{.warmup_updates = 2 * run::num_updates_per_epoch, .min_lr = 1e-5}`
struct CosineLr {
  using slot = slots::Schedule;

  Updates total_updates = run::num_updates;  ///< T, the end of the annealing.
  Updates warmup_updates = 0;
  Updates cooldown_updates = 0;
  double min_lr = 1e-6;
  std::optional<double> min_lr_ratio = std::nullopt;        ///< m as a ratio.
  double warmup_start_lr = 1e-6;                            ///< s.
  std::optional<double> warmup_start_ratio = std::nullopt;  ///< s as a ratio.
  double k_decay = 1.0;

  constexpr double operator()(double base_lr, std::int64_t update) const {
    const auto warmup = warmup_updates.count();
    if (update < warmup) {
      const double start = warmup_start_ratio ? *warmup_start_ratio * base_lr : warmup_start_lr;
      return start + (base_lr - start) * static_cast<double>(update) / static_cast<double>(warmup);
    }
    const double lowest = min_lr_ratio ? *min_lr_ratio * base_lr : min_lr;
    const auto end = total_updates.count() - cooldown_updates.count();
    if (update >= end) return lowest;
    const double progress = static_cast<double>(update - warmup) / static_cast<double>(end - warmup);
    const double shaped = k_decay == 1.0 ? progress : std::pow(progress, k_decay);
    const double half = std::cos(std::numbers::pi / 2.0 * shaped);  // (1 + cos(a)) / 2 = cos(a / 2)^2, exact near 0 too
    return std::lerp(lowest, base_lr, half * half);                 // exactly base_lr if half is 1
  }

  [[nodiscard]] constexpr CosineLr resolved(const RunLength& length) const {
    CosineLr result = *this;
    result.total_updates = total_updates.resolved(length, "CosineLr::total_updates");
    result.warmup_updates = warmup_updates.resolved(length, "CosineLr::warmup_updates");
    result.cooldown_updates = cooldown_updates.resolved(length, "CosineLr::cooldown_updates");
    result.check();
    return result;
  }

  /// Calls `add(key, value)` for each setting. `key` is its key in the state dict of pytorch-accelerated's
  /// `CosineLrScheduler`.
  constexpr void for_each_python_setting(auto&& add) const {
    add("total_iterations", total_updates);
    add("warmup_iterations", warmup_updates);
    add("num_cooldown_iterations", cooldown_updates);
    add("lr_min", min_lr);
    add("lr_min_ratio", min_lr_ratio);
    add("warmup_lr_init", warmup_start_lr);
    add("warmup_lr_ratio", warmup_start_ratio);
    add("k_decay", k_decay);
  }

  friend constexpr bool operator==(const CosineLr&, const CosineLr&) = default;

 private:
  constexpr void check() const {
    const auto total = total_updates.count(), warmup = warmup_updates.count(), cooldown = cooldown_updates.count();
    detail::require_at_least("CosineLr::total_updates", total, 1);
    detail::require_at_least("CosineLr::warmup_updates", warmup, 0);
    detail::require_at_least("CosineLr::cooldown_updates", cooldown, 0);
    if (warmup >= total || cooldown >= total - warmup) reject_lengths(total, warmup, cooldown);
    detail::require_not_negative("CosineLr::min_lr", min_lr);
    detail::require_not_negative("CosineLr::warmup_start_lr", warmup_start_lr);
    if (min_lr_ratio) detail::require_ratio("CosineLr::min_lr_ratio", *min_lr_ratio);
    if (warmup_start_ratio) detail::require_ratio("CosineLr::warmup_start_ratio", *warmup_start_ratio);
    detail::require_positive("CosineLr::k_decay", k_decay);
  }
  [[noreturn]] static void reject_lengths(std::int64_t total, std::int64_t warmup, std::int64_t cooldown) {
    throw std::invalid_argument("CosineLr: warmup_updates (" + std::to_string(warmup) + ") and cooldown_updates (" +
                                std::to_string(cooldown) + ") leave nothing of total_updates (" +
                                std::to_string(total) + "). Shorten them, or train for longer.");
  }
};
static_assert(ResolvableSchedule<CosineLr>);

}  // namespace hone
