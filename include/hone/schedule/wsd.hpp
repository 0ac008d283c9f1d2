// SPDX-License-Identifier: Apache-2.0
/// A warmup-stable-decay (WSD) schedule, with a decay before each of one or several checkpoints.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// The shape of a decay from the base value to the minimum.
enum class WsdDecay {
  sqrt,    ///< Linear in the square root of the progress: fast at first.
  inverse  ///< The inverse of the rate grows linearly: faster than `sqrt`. The decay of the paper.
};

/// The period that ends with a checkpoint, in numbers of complete updates. The decay starts after `pre_decay_update`
/// updates. The period ends and the checkpoint is due after `period_end` updates.
struct WsdPeriod {
  std::int64_t period_start = 0;  ///< The update at which the period begins.
  std::int64_t period_end = 0;
  std::int64_t decay_updates = 0;  ///< Updates of the decay.
  std::int64_t pre_decay_update = 0;

  friend constexpr bool operator==(const WsdPeriod&, const WsdPeriod&) = default;
};

/// Linear warm-up for `warmup_updates`, then the base value b, with a decay to `min_lr_ratio * b` over the last
/// `decay_phase_ratio` of each period. Periods end at T/2^(k-1), ..., T/4, T/2, T, rounded down, for k =
/// `num_checkpoints` and T = `total_updates`. Each later period restarts at b. From T on, the value is the minimum.
///
/// r is the elapsed fraction of the decay and m the ratio: `b (m + (1 - m)(1 - sqrt(r)))` for `sqrt`, `b / (r/m + 1 -
/// r)` for `inverse`. A period whose decay is shorter than one update has no decay: the value remains b, also after T.
///
/// To continue training from the state before a decay, either resume the update count with a larger `total_updates`, or
/// start a separate schedule for the remaining updates with `is_continuation`, which omits the warm-up.
///
/// **Units** `*_updates`: updates; warmup_updates: if absent, one hundredth of the total; warmup_start_lr: a learning
/// rate; warmup_start_ratio: a multiple of the base value, which takes precedence over it; ratios: from 0 to 1;
/// decay_phase_ratio: at most 1/3 with several checkpoints; min_lr_ratio: above 0 with `inverse`.
/// **Errors** `resolved` throws `std::invalid_argument` for settings that are out of range.
/// **Source** K. Wen et al., "Understanding Warmup-Stable-Decay Learning Rates: A River Valley Loss Landscape
/// Perspective", 2024. The settings match pytorch-accelerated's `WSDLrScheduler`, whose `lr_min` is `min_lr_ratio`, and
/// whose last of two checkpoints is at T/2.
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
    // The last update of a period is period_end - 1. From the end of the last period on, the decay is complete.
    const auto at = phase(update + 1);
    if (at.decay_updates == 0 || update < at.pre_decay_update) return base_lr;
    if (update >= at.period_end) return base_lr * min_lr_ratio;
    const double passed = static_cast<double>(update - at.pre_decay_update) / static_cast<double>(at.decay_updates);
    if (decay == WsdDecay::inverse) return base_lr / (passed / min_lr_ratio + (1.0 - passed));
    return base_lr * (min_lr_ratio + (1.0 - min_lr_ratio) * (1.0 - std::sqrt(passed)));
  }

  /// Returns the numbers of complete updates at which checkpoints are due, in ascending order. The last is the total.
  [[nodiscard]] std::vector<std::int64_t> checkpoint_updates() const {
    std::vector<std::int64_t> result;
    for (int i = 0; i < num_checkpoints; ++i) result.push_back(checkpoint(i));
    return result;
  }
  /// Returns the periods, one for each checkpoint.
  [[nodiscard]] std::vector<WsdPeriod> decay_info() const {
    std::vector<WsdPeriod> result;
    for (int i = 0; i < num_checkpoints; ++i) result.push_back(period(i));
    return result;
  }
  /// Returns the first period that ends at `num_updates` complete updates or later, or else the last period.
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
      detail::require_setting(
          min_lr_ratio > 0.0, "WsdLr::min_lr_ratio", min_lr_ratio,
          "The inverse decay never reaches 0: set it to a number greater than 0, or use WsdDecay::sqrt.");
    }
    detail::require_at_least("WsdLr::num_checkpoints", num_checkpoints, 1);
    if (num_checkpoints == 1) return;
    if (num_checkpoints > 53 || checkpoint(0) < 1) reject_checkpoints(total);
    detail::require_setting(decay_phase_ratio <= 1.0 / 3.0, "WsdLr::decay_phase_ratio", decay_phase_ratio,
                            "With several checkpoints, set it to at most 1/3.");
  }
  [[noreturn]] static void reject_warmup(std::int64_t warmup, std::int64_t total) {
    throw std::invalid_argument("WsdLr::warmup_updates (" + std::to_string(warmup) + ") is more than total_updates (" +
                                std::to_string(total) + "). Shorten it, or train for longer.");
  }
  [[noreturn]] void reject_checkpoints(std::int64_t total) const {
    throw std::invalid_argument("WsdLr::num_checkpoints (" + std::to_string(num_checkpoints) +
                                ") is too many for total_updates (" + std::to_string(total) +
                                "), which each checkpoint halves. Reduce it, or train for longer.");
  }
};
static_assert(ResolvableSchedule<WsdLr>);

}  // namespace hone
