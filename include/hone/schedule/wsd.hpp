// SPDX-License-Identifier: Apache-2.0
/// Warm-up, a stable rate, a decay: once, or before each of several checkpoints.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// How a decay goes from the base value to the minimum.
enum class WsdDecay {
  sqrt,    ///< With the root of the progress: fast at first.
  inverse  ///< So that the inverse of the rate grows linearly: faster still. This is the paper's.
};

/// What lies between two checkpoints, in updates that are complete: after `pre_decay_update` updates the decay begins,
/// after `period_end` updates it is over and the checkpoint is due.
struct WsdPeriod {
  std::int64_t period_start = 0;
  std::int64_t period_end = 0;
  std::int64_t decay_updates = 0;
  std::int64_t pre_decay_update = 0;

  friend constexpr bool operator==(const WsdPeriod&, const WsdPeriod&) = default;
};

/// Rises in a straight line for `warmup_updates`, then keeps the base value b, and falls to `min_lr_ratio * b` over the
/// last `decay_phase_ratio` of each period. Periods end at T/2^(k-1), ..., T/4, T/2, T, for k = `num_checkpoints` and
/// T = `total_updates`; each but the first starts anew at b. After T the minimum holds.
///
/// With r the share of the decay that has passed and m the ratio: `b (m + (1 - m)(1 - sqrt(r)))` or `b / (r/m + 1 -
/// r)`.
///
/// To train on from the state before a decay: either take up the count of updates again with a larger `total_updates`,
/// or start a schedule of its own for what is to come, with `is_continuation`, which leaves the warm-up out.
///
/// **Units** `*_updates`: updates; warmup_updates: if absent, one hundredth of the total; warmup_start_lr: a learning
/// rate; warmup_start_ratio: a multiple of the base value, which wins over it; ratios: from 0 to 1, decay_phase_ratio
/// up to 1/3 when there are several checkpoints. A decay of less than one update is none.
/// **Errors** `resolved` throws `std::invalid_argument` for settings that are out of range.
/// **Source** K. Wen et al., "Understanding Warmup-Stable-Decay Learning Rates: A River Valley Loss Landscape
/// Perspective", 2024; the settings are those of pytorch-accelerated's `WSDLrScheduler`, whose `lr_min` is
/// `min_lr_ratio`, and which ends at T/2 when two checkpoints are asked for.
/// **Example** `WsdLr{.warmup_updates = 500, .min_lr_ratio = 0.1, .num_checkpoints = 3}`
struct WsdLr {
  using slot = slots::Schedule;

  Updates total_updates = run::num_updates;
  std::optional<Updates> warmup_updates = std::nullopt;
  double warmup_start_lr = 1e-6;
  std::optional<double> warmup_start_ratio = std::nullopt;
  double decay_phase_ratio = 0.1;
  double min_lr_ratio = 1e-6;
  WsdDecay decay = WsdDecay::sqrt;
  int num_checkpoints = 1;
  bool is_continuation = false;

  constexpr double operator()(double base_lr, std::int64_t update) const {
    if (const auto warmup = num_warmup(); update < warmup) {
      const double start = warmup_start_ratio ? *warmup_start_ratio * base_lr : warmup_start_lr;
      return start + (base_lr - start) * static_cast<double>(update) / static_cast<double>(warmup);
    }
    // A period's last update is period_end - 1; at the end of the last one, the decay is complete.
    const auto at = phase(update + 1);
    if (at.decay_updates == 0 || update < at.pre_decay_update) return base_lr;
    if (update >= at.period_end) return base_lr * min_lr_ratio;
    const double passed = static_cast<double>(update - at.pre_decay_update) / static_cast<double>(at.decay_updates);
    if (decay == WsdDecay::inverse) return base_lr / (passed / min_lr_ratio + (1.0 - passed));
    return base_lr * (min_lr_ratio + (1.0 - min_lr_ratio) * (1.0 - std::sqrt(passed)));
  }

  /// The numbers of complete updates at which checkpoints are due; the last is the total.
  [[nodiscard]] std::vector<std::int64_t> checkpoint_updates() const {
    std::vector<std::int64_t> result;
    for (int i = 0; i < num_checkpoints; ++i) result.push_back(checkpoint(i));
    return result;
  }
  /// The periods, one to each checkpoint.
  [[nodiscard]] std::vector<WsdPeriod> decay_info() const {
    std::vector<WsdPeriod> result;
    for (int i = 0; i < num_checkpoints; ++i) result.push_back(period(i));
    return result;
  }
  /// The period in which `num_updates` updates are complete: the first that ends there or later, else the last.
  [[nodiscard]] constexpr WsdPeriod phase(std::int64_t num_updates) const {
    int i = 0;
    while (i + 1 < num_checkpoints && checkpoint(i) < num_updates) ++i;
    return period(i);
  }

  [[nodiscard]] constexpr WsdLr resolved(const RunLength& length) const {
    WsdLr result = *this;
    result.total_updates = total_updates.resolved(length, "WsdLr::total_updates");
    detail::require_at_least("WsdLr::total_updates", result.total_updates.count(), 1);
    if (warmup_updates) {
      result.warmup_updates = warmup_updates->resolved(length, "WsdLr::warmup_updates");
    } else {
      result.warmup_updates = Updates((result.total_updates / 100).count());
    }
    result.check();
    return result;
  }

  friend constexpr bool operator==(const WsdLr&, const WsdLr&) = default;

 private:
  constexpr std::int64_t num_warmup() const {
    if (is_continuation) return 0;
    return warmup_updates ? warmup_updates->count() : (total_updates / 100).count();
  }
  constexpr std::int64_t checkpoint(int i) const { return total_updates.count() >> (num_checkpoints - 1 - i); }
  constexpr WsdPeriod period(int i) const {
    const auto start = i == 0 ? 0 : checkpoint(i - 1), end = checkpoint(i);
    const auto decay_length = (Updates(end - start) * decay_phase_ratio).count();
    return {start, end, decay_length, end - decay_length};
  }

  constexpr void check() const {
    const auto total = total_updates.count(), warmup = warmup_updates->count();
    detail::require_at_least("WsdLr::warmup_updates", warmup, 0);
    if (warmup > total) reject_warmup(warmup, total);
    detail::require_not_negative("WsdLr::warmup_start_lr", warmup_start_lr);
    if (warmup_start_ratio) detail::require_ratio("WsdLr::warmup_start_ratio", *warmup_start_ratio);
    detail::require_ratio("WsdLr::decay_phase_ratio", decay_phase_ratio);
    detail::require_ratio("WsdLr::min_lr_ratio", min_lr_ratio);
    if (decay == WsdDecay::inverse) {
      detail::require_setting(min_lr_ratio > 0.0, "WsdLr::min_lr_ratio", min_lr_ratio,
                              "The inverse decay never reaches 0: give a number above 0, or choose WsdDecay::sqrt.");
    }
    detail::require_at_least("WsdLr::num_checkpoints", num_checkpoints, 1);
    if (num_checkpoints == 1) return;
    if (num_checkpoints > 53 || checkpoint(0) < 1) reject_checkpoints(total);
    detail::require_setting(decay_phase_ratio <= 1.0 / 3.0, "WsdLr::decay_phase_ratio", decay_phase_ratio,
                            "With several checkpoints, give 1/3 at most.");
  }
  [[noreturn]] static void reject_warmup(std::int64_t warmup, std::int64_t total) {
    throw std::invalid_argument("WsdLr::warmup_updates (" + std::to_string(warmup) + ") is more than total_updates (" +
                                std::to_string(total) + "). Shorten it, or train for longer.");
  }
  [[noreturn]] void reject_checkpoints(std::int64_t total) const {
    throw std::invalid_argument("WsdLr::num_checkpoints (" + std::to_string(num_checkpoints) +
                                ") is too many for total_updates (" + std::to_string(total) +
                                "), which each checkpoint halves. Take fewer, or train for longer.");
  }
};
static_assert(ResolvableSchedule<WsdLr>);

}  // namespace hone
