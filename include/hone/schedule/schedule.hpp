// SPDX-License-Identifier: Apache-2.0
/// Learning rate schedules as pure functions of the update number.
///
/// | schedule | learning rate |
/// | --- | --- |
/// | `ConstantLr` | a multiple of the base value |
/// | `StepLr`, `MultiStepLr` | multiplied by `gamma` after every `step_size` updates, or at given updates |
/// | `LinearLr`, `PolynomialLr` | linear between two factors, or polynomial decay |
/// | `ExponentialLr` | exponential decay |
/// | `PiecewiseLr` | piecewise linear between given points |
/// | `CosineLr` | cosine annealing from the base value to a minimum, with warm-up and cool-down |
/// | `CyclicCosineLr` | cosine annealing with warm restarts; each cycle can be longer and lower than the previous one |
/// | `WsdLr` | warm-up, stable phase, decay; with several checkpoints, a stable phase and a decay for each |
/// | `OneCycleLr`, `OneCycleMomentum` | the 1cycle policy, for the learning rate and for the momentum |
/// | `InverseSqrtLr` | warm-up, then decay with the inverse square root of the update number |
/// | `Warmup<S>` | linear warm-up to the first value of `S`, then `S` |
/// | `Sequence<S...>` | one schedule after another |
/// | `PerGroup<S...>`, `ScaledGroups<S>` | a separate schedule, or a separate factor, for each parameter group |
/// | `ScheduleOf<Field, S>`, `Schedules<...>` | momentum, weight decay or betas, alone or with the learning rate |
///
/// `ReduceOnPlateau` depends on a metric instead of the update. `Stateful<S>` counts the updates itself.
///
/// To add a schedule, add a file with settings as members, the formula in `operator()` and the checks in `resolved`.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <type_traits>

#include "hone/core/slots.hpp"
#include "hone/schedule/run_fact.hpp"

namespace hone {

/// A type that can compute the learning rate for update `update`, counted from 0, of a parameter group with the base
/// value `base_lr`. The result must depend on nothing else, so that a resumed run continues exactly.
template <class S>
concept Schedule = requires(const S& schedule, double base_lr, std::int64_t update) {
  { schedule(base_lr, update) } -> std::same_as<double>;
};

/// A schedule whose result also depends on the index of the parameter group, counted from 0.
template <class S>
concept GroupSchedule = requires(const S& schedule, double base_lr, std::int64_t update, std::size_t group) {
  { schedule(base_lr, update, group) } -> std::same_as<double>;
};

/// A schedule whose result may depend on the parameter group.
template <class S>
concept AnySchedule = Schedule<S> || GroupSchedule<S>;

namespace detail {
/// The default of a setting that is a schedule. A lambda with captures, which has none, must be given: this function
/// throws, but it compiles, because standard types ask whether a schedule that contains it has a default constructor.
template <AnySchedule S>
constexpr S default_schedule() {
  if constexpr (std::is_default_constructible_v<S>) {
    return S{};
  } else {
    throw std::invalid_argument("A schedule without a default constructor, such as a lambda, is missing. Pass it.");
  }
}

template <AnySchedule S>
constexpr double scheduled_value(const S& schedule, double base, std::int64_t update, std::size_t group) {
  if constexpr (GroupSchedule<S>) {
    return schedule(base, update, group);
  } else {
    return schedule(base, update);
  }
}
}  // namespace detail

/// No schedule: the optimizer's learning rates remain unchanged. The trainer's default.
struct NoSchedule {
  using slot = slots::Schedule;
};

/// Optional: `resolved` returns the schedule for a run of the given length, with every number of updates evaluated and
/// all settings checked.
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

/// Returns the schedule for a run of the given length, or `schedule` unchanged if it does not have `resolved`.
///
/// **Errors** `std::invalid_argument` for settings that are out of range or incompatible with the run.
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
