// SPDX-License-Identifier: Apache-2.0
/// Schedules: the learning rate as a pure function of the update number. Numbers in, numbers out.
///
/// | schedule | learning rate |
/// | --- | --- |
/// | `ConstantLr` | a multiple of the base value |
/// | `StepLr`, `MultiStepLr` | the base value, times `gamma` after every so many updates, or at given ones |
/// | `LinearLr`, `PolynomialLr` | a straight line, or a power of one |
/// | `ExponentialLr` | the base value, times `gamma` again and again |
/// | `PiecewiseLr` | straight lines between given points |
/// | `CosineLr` | half a cosine from the base value to a minimum; warm-up and cool-down included |
/// | `CyclicCosineLr` | such curves one after another, each perhaps longer and lower |
/// | `WsdLr` | warm-up, a stable rate, a decay; several times over where checkpoints are wanted |
/// | `OneCycleLr`, `OneCycleMomentum` | up and down once, and the momentum the other way |
/// | `InverseSqrtLr` | a warm-up, then down with the root of the update number |
/// | `Warmup<S>` | a straight line up to where `S` begins, then `S` |
/// | `Sequence<S...>` | one schedule after another |
/// | `PerGroup<S...>`, `ScaledGroups<S>` | something else for each parameter group |
/// | `ScheduleOf<Field, S>`, `Schedules<...>` | momentum, weight decay or betas, alone or with the learning rate |
///
/// `ReduceOnPlateau` listens to a metric and is no function of the update; `Stateful<S>` counts the updates itself.
///
/// A new schedule is a new file: settings as members, the formula in `operator()`, checks in `resolved`.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "hone/core/slots.hpp"
#include "hone/schedule/run_fact.hpp"

namespace hone {

/// Gives the learning rate for update `update` (the first is 0) of a parameter group whose own base value is `base_lr`.
/// The value depends on nothing else, so a resumed run continues exactly.
template <class S>
concept Schedule = requires(const S& schedule, double base_lr, std::int64_t update) {
  { schedule(base_lr, update) } -> std::same_as<double>;
};

/// Optional ability: the value depends on the parameter group as well; the first group is 0.
template <class S>
concept GroupSchedule = requires(const S& schedule, double base_lr, std::int64_t update, std::size_t group) {
  { schedule(base_lr, update, group) } -> std::same_as<double>;
};

/// No schedule: learning rates stay as the optimizer has them. The trainer's default.
struct NoSchedule {
  using slot = slots::Schedule;
};

/// Optional ability: `resolved` returns the schedule for a run of the given length, with every number of updates filled
/// in and all settings checked.
template <class S>
concept ResolvableSchedule = requires(const S& schedule, const RunLength& length) {
  { schedule.resolved(length) } -> std::same_as<S>;
};

namespace detail {
template <class S>
struct explain_resolved {
  static_assert(ResolvableSchedule<S>,
                "hone: this schedule has `resolved`, but it cannot be called as `S resolved(const RunLength&) const`.");
};
}  // namespace detail

/// The schedule for a run of this length; a schedule that does not ask for the length comes back as it is.
///
/// **Errors** `std::invalid_argument` for settings that are out of range or do not fit the run.
template <class S>
[[nodiscard]] constexpr S resolve_schedule(const S& schedule, const RunLength& length) {
  if constexpr (ResolvableSchedule<S>) {
    return schedule.resolved(length);
  } else {
    if constexpr (requires { &S::resolved; }) static_cast<void>(sizeof(detail::explain_resolved<S>));
    return schedule;
  }
}

}  // namespace hone
