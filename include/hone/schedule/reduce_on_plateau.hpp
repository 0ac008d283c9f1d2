// SPDX-License-Identifier: Apache-2.0
/// The learning rate that falls when a metric no longer improves.
#pragma once

#include <cstdint>
#include <optional>

#include "hone/core/require.hpp"
#include "hone/core/serialize.hpp"
#include "hone/core/threshold_mode.hpp"

namespace hone {

/// Watches a metric, and multiplies learning rates by `factor` when it has not improved for more than `patience` values
/// in a row. It is no function of the update: what it has seen stands in `state`, all that a checkpoint needs.
///
/// An improvement is better than the best value by more than the threshold: below `best - threshold * |best|` or
/// `best - threshold`; where greater is better, above `best + threshold * |best|` or `best + threshold`. NaN never
/// improves, nor does an infinite value on the bad side. After a reduction, `cooldown` values are not counted.
///
/// **Units** patience, cooldown: values of the metric; min_lr, eps: learning rates; a change of no more than eps is
/// none.
/// **Errors** `check` throws `std::invalid_argument` for settings that are out of range.
/// **Source** `torch.optim.lr_scheduler.ReduceLROnPlateau`; `greater_is_better` is its mode `max`. Below zero it
/// differs on purpose: PyTorch's relative bound, `best * (1 - threshold)`, is worse than a negative best value, so
/// values that stay the same or get worse count as improvements there.
/// **Example** `if (plateau.observe(loss)) optimizer.set_lr(plateau.reduced(optimizer.lr()));`
struct ReduceOnPlateau {
  double factor = 0.1;
  std::int64_t patience = 10;
  double threshold = 1e-4;
  ThresholdMode threshold_mode = ThresholdMode::relative;
  std::int64_t cooldown = 0;
  double min_lr = 0.0;
  double eps = 1e-8;
  bool greater_is_better = false;

  /// What it has seen.
  struct State {
    std::optional<double> best{};
    std::int64_t num_bad = 0;        ///< Values since the last improvement.
    std::int64_t cooldown_left = 0;  ///< Values that will not be counted.

    void serialize(auto& archive) {
      archive("best", best);
      serialize_count(archive, "num_bad", num_bad);
      serialize_count(archive, "cooldown_left", cooldown_left);
    }
    friend constexpr bool operator==(const State&, const State&) = default;
  };
  State state{};

  /// Takes the next value of the metric. True when learning rates are to be reduced now.
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

  /// What a reduction makes of a learning rate: `factor` times that, but no less than `min_lr`.
  [[nodiscard]] constexpr double reduced(double lr) const {
    const double lower = lr * factor < min_lr ? min_lr : lr * factor;
    return lr - lower > eps ? lower : lr;
  }

  constexpr void check() const {
    detail::require_setting(detail::is_finite(factor) && factor >= 0.0 && factor < 1.0, "ReduceOnPlateau::factor",
                            factor, "Give a number of at least 0 and below 1.");
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
    const double away = *state.best < 0.0 ? -sign : sign;  // a factor that is better than the best value
    const double bound = threshold_mode == ThresholdMode::relative ? *state.best * (1.0 + away * threshold)
                                                                   : *state.best + sign * threshold;
    return greater_is_better ? metric > bound : metric < bound;
  }
};

}  // namespace hone
