// SPDX-License-Identifier: Apache-2.0
/// The 1cycle policy: schedules for the learning rate and, inversely, for the momentum.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <optional>
#include <string_view>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// The annealing strategy: half a cosine or a straight line from one value to the next.
enum class Anneal { cosine, linear };

namespace detail {

/// Returns the value of a cycle from `start` to `peak` to `end`. With three phases, the value returns from `peak` to
/// `start` before it changes to `end`.
constexpr double one_cycle_value(const auto& cycle, std::int64_t update, double start, double peak, double end) {
  const auto total = static_cast<double>(cycle.total_updates.count());
  const double last = total - 1.0, now = static_cast<double>(update) < last ? static_cast<double>(update) : last;
  const double top = cycle.pct_start * total - 1.0;
  const auto between = [&](double from, double to, double from_update, double to_update) {
    const double progress = to_update > from_update ? (now - from_update) / (to_update - from_update) : 1.0;
    if (cycle.anneal == Anneal::linear) return from + (to - from) * progress;
    const double cosine = std::cos(std::numbers::pi / 2.0 * progress);
    return std::lerp(to, from, cosine * cosine);
  };
  if (now <= top) return between(start, peak, 0.0, top);
  if (!cycle.three_phase) return between(peak, end, top, last);
  const double foot = 2.0 * cycle.pct_start * total - 2.0;
  if (now <= foot) return between(peak, start, top, foot);
  return between(start, end, foot, last);
}

template <class Cycle>
constexpr Cycle resolved_cycle(const Cycle& cycle, const RunLength& length, std::string_view total_updates,
                               std::string_view pct_start) {
  Cycle result = cycle;
  result.total_updates = cycle.total_updates.resolved(length, total_updates);
  require_at_least(total_updates, result.total_updates.count(), 1);
  require_ratio(pct_start, cycle.pct_start);
  if (cycle.three_phase) {
    require_setting(cycle.pct_start <= 0.5, pct_start, cycle.pct_start,
                    "With three_phase, the first two phases have the same length: set it to at most 0.5.");
  }
  return result;
}

}  // namespace detail

/// A rise from `peak / div_factor` to the peak, then a fall to `peak / div_factor / final_div_factor`, the final value.
/// With three phases, the second phase is the reverse of the first, and the third phase falls to the final value.
///
/// The peak is the group's base value, or `max_lr` if it is set. (In PyTorch, the peak is always `max_lr`, and the
/// optimizer's learning rate is ignored.) For the corresponding momentum, see `OneCycleMomentum`.
///
/// **Units** total_updates: updates; pct_start: the fraction of `total_updates` in which the value rises, from 0 to 1,
/// or to 0.5 with three phases; factors: above 0; max_lr: a learning rate.
/// **Errors** `resolved` throws `std::invalid_argument` for settings that are out of range.
/// **Source** `torch.optim.lr_scheduler.OneCycleLR`; L. Smith, N. Topin, "Super-Convergence: Very Fast Training of
/// Neural Networks Using Large Learning Rates", 2018.
/// **Example** `Schedules{fields::lr = OneCycleLr{}, fields::momentum = OneCycleMomentum{}}`
struct OneCycleLr {
  using slot = slots::Schedule;

  Updates total_updates = run::num_updates;
  double pct_start = 0.3;
  double div_factor = 25.0;
  double final_div_factor = 1e4;
  Anneal anneal = Anneal::cosine;  ///< The shape of the phases.
  bool three_phase = false;        ///< Adds the reverse of the rise as a phase.
  std::optional<double> max_lr = std::nullopt;

  constexpr double operator()(double base_lr, std::int64_t update) const {
    const double peak = max_lr ? *max_lr : base_lr;
    const double start = peak / div_factor;
    return detail::one_cycle_value(*this, update, start, peak, start / final_div_factor);
  }

  [[nodiscard]] constexpr OneCycleLr resolved(const RunLength& length) const {
    detail::require_positive("OneCycleLr::div_factor", div_factor);
    detail::require_positive("OneCycleLr::final_div_factor", final_div_factor);
    if (max_lr) detail::require_not_negative("OneCycleLr::max_lr", *max_lr);
    return detail::resolved_cycle(*this, length, "OneCycleLr::total_updates", "OneCycleLr::pct_start");
  }

  friend constexpr bool operator==(const OneCycleLr&, const OneCycleLr&) = default;
};

/// A fall from `max_momentum` to `base_momentum` while the learning rate rises, and a rise back while it falls. For the
/// momentum of `Sgd` and for `beta1` of `Adam`. The group's base value is ignored.
///
/// **Units** as `OneCycleLr`; momenta: at least 0 and below 1.
/// **Errors** `resolved` throws `std::invalid_argument` for settings that are out of range.
/// **Source** as `OneCycleLr`, `cycle_momentum=True`.
/// **Example** `fields::beta1 = OneCycleMomentum{}`
struct OneCycleMomentum {
  using slot = slots::Schedule;

  Updates total_updates = run::num_updates;  ///< As in `OneCycleLr`.
  double pct_start = 0.3;                    ///< As in `OneCycleLr`.
  double base_momentum = 0.85;
  double max_momentum = 0.95;
  Anneal anneal = Anneal::cosine;  ///< As in `OneCycleLr`.
  bool three_phase = false;        ///< As in `OneCycleLr`.

  constexpr double operator()(double /*base_value*/, std::int64_t update) const {
    return detail::one_cycle_value(*this, update, max_momentum, base_momentum, max_momentum);
  }

  [[nodiscard]] constexpr OneCycleMomentum resolved(const RunLength& length) const {
    check_momentum("OneCycleMomentum::base_momentum", base_momentum);
    check_momentum("OneCycleMomentum::max_momentum", max_momentum);
    return detail::resolved_cycle(*this, length, "OneCycleMomentum::total_updates", "OneCycleMomentum::pct_start");
  }

  friend constexpr bool operator==(const OneCycleMomentum&, const OneCycleMomentum&) = default;

 private:
  static constexpr void check_momentum(std::string_view field, double value) {
    detail::require_setting(detail::is_finite(value) && value >= 0.0 && value < 1.0, field, value,
                            "Set it to at least 0 and less than 1.");
  }
};
static_assert(ResolvableSchedule<OneCycleLr> && ResolvableSchedule<OneCycleMomentum>);

}  // namespace hone
