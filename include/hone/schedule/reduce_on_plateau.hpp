// SPDX-License-Identifier: Apache-2.0
/// A rule that reduces the learning rate when a metric stops improving.
#pragma once

#include <cstdint>
#include <optional>

#include "hone/core/require.hpp"
#include "hone/core/serialize.hpp"
#include "hone/core/threshold_mode.hpp"

namespace hone {

/// Reduces learning rates by `factor` when a metric has not improved for more than `patience` consecutive values. The
/// result depends on the metric, not on the update, so this is not a `Schedule`. A checkpoint needs only `state`.
///
/// A value is an improvement if it is below `best - threshold * |best|` (relative) or `best - threshold` (absolute);
/// with `greater_is_better`, above `best + threshold * |best|` or `best + threshold`. NaN is never an improvement, and
/// neither is infinity in the worse direction. For `cooldown` values after a reduction, non-improvements do not count.
///
/// **Units** patience, cooldown: values of the metric; min_lr, eps: learning rates.
/// **Errors** `check` throws `std::invalid_argument` for settings that are out of range.
/// **Source** `torch.optim.lr_scheduler.ReduceLROnPlateau`; `greater_is_better` corresponds to mode `max`. The relative
/// threshold differs for a negative best value: PyTorch's bound, `best * (1 - threshold)`, is then worse than `best`,
/// so a metric that does not change counts as an improvement there.
/// **Example** `if (plateau.observe(loss)) optimizer.set_lr(plateau.reduced(optimizer.lr()));`
struct ReduceOnPlateau {
  double factor = 0.1;
  std::int64_t patience = 10;
  double threshold = 1e-4;
  ThresholdMode threshold_mode = ThresholdMode::relative;  ///< The unit of `threshold`.
  std::int64_t cooldown = 0;
  double min_lr = 0.0;
  double eps = 1e-8;
  bool greater_is_better = false;

  /// The mutable state.
  struct State {
    std::optional<double> best{};
    std::int64_t num_bad = 0;        ///< Consecutive counted values without an improvement.
    std::int64_t cooldown_left = 0;  ///< SkippedBatches values of the cool-down.

    void serialize(auto& archive) {
      archive("best", best);
      serialize_count(archive, "num_bad", num_bad);
      serialize_count(archive, "cooldown_left", cooldown_left);
    }
    friend constexpr bool operator==(const State&, const State&) = default;
  };
  State state{};

  /// Records the next value of the metric. Returns whether the caller must reduce learning rates now.
  constexpr bool observe(double metric) {
    if (is_better(metric)) {
      state.best = metric;
      state.num_bad = 0;
    } else {
      ++state.num_bad;
    }
    if (state.cooldown_left > 0) {
      --state.cooldown_left;
      state.num_bad = 0;
    }
    if (state.num_bad <= patience) return false;
    state.cooldown_left = cooldown;
    state.num_bad = 0;
    return true;
  }

  /// Returns the reduced learning rate: the larger of `lr * factor` and `min_lr`, or `lr` if the reduction is at most
  /// `eps`.
  [[nodiscard]] constexpr double reduced(double lr) const {
    const double lower = lr * factor < min_lr ? min_lr : lr * factor;
    return lr - lower > eps ? lower : lr;
  }

  constexpr void check() const {
    detail::require_setting(detail::is_finite(factor) && factor >= 0.0 && factor < 1.0, "ReduceOnPlateau::factor",
                            factor, "Set it to at least 0 and less than 1.");
    detail::require_at_least("ReduceOnPlateau::patience", patience, 0);
    detail::require_not_negative("ReduceOnPlateau::threshold", threshold);
    detail::require_at_least("ReduceOnPlateau::cooldown", cooldown, 0);
    detail::require_not_negative("ReduceOnPlateau::min_lr", min_lr);
    detail::require_not_negative("ReduceOnPlateau::eps", eps);
  }

 private:
  constexpr bool is_better(double metric) const {
    if (!detail::may_be_best(metric, greater_is_better)) return false;
    if (!state.best) return true;
    const double sign = greater_is_better ? 1.0 : -1.0;
    const double away = *state.best < 0.0 ? -sign : sign;  // makes the relative bound better than the best value
    const double bound = threshold_mode == ThresholdMode::relative ? *state.best * (1.0 + away * threshold)
                                                                   : *state.best + sign * threshold;
    return greater_is_better ? metric > bound : metric < bound;
  }
};

}  // namespace hone
