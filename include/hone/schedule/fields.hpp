// SPDX-License-Identifier: Apache-2.0
/// Names of the settings of a parameter group that a schedule can drive: `fields::momentum = OneCycleMomentum{}`.
#pragma once

#include <string_view>
#include <utility>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// A schedule and the field that it drives. The base value is the value of that field in the group's base settings.
///
/// A field is a type with a static function `of(settings)` that returns a reference to a `double`. For a member of a
/// custom update rule, define a type like the types in `fields`, each of which accesses the member of the same name.
///
/// **Example** `fields::weight_decay = LinearLr{.start_factor = 1.0, .end_factor = 0.0}`, or, with a lambda as the
/// schedule, `fields::lr = [](double base_lr, std::int64_t update) { return base_lr / (1.0 + 0.01 * double(update)); }`
template <class Field, AnySchedule S>
struct ScheduleOf {
  using slot = slots::Schedule;
  using field = Field;

  S schedule = detail::default_schedule<S>();

  [[nodiscard]] constexpr ScheduleOf resolved(const RunLength& length) const {
    return {resolve_schedule(schedule, length)};
  }

  friend constexpr bool operator==(const ScheduleOf&, const ScheduleOf&) = default;
};

namespace fields {

/// Defines a field: a type, and an object of that type. An assignment to the object returns a `ScheduleOf`.
#define HONE_FIELD(Type, member)                                             \
  struct Type {                                                              \
    static constexpr std::string_view name = #member;                        \
    template <class Settings>                                                \
      requires requires(Settings& settings) { settings.member; }             \
    static constexpr auto& of(Settings& settings) {                          \
      return settings.member;                                                \
    }                                                                        \
    template <class S>                                                       \
    constexpr ScheduleOf<Type, S> operator=(S schedule) const { /* NOLINT */ \
      return {std::move(schedule)};                                          \
    }                                                                        \
  };                                                                         \
  inline constexpr Type member {}

HONE_FIELD(Lr, lr);                     ///< The learning rate.
HONE_FIELD(Momentum, momentum);         ///< The momentum of `Sgd`.
HONE_FIELD(Dampening, dampening);       ///< The dampening of `Sgd`.
HONE_FIELD(WeightDecay, weight_decay);  ///< The weight decay.
HONE_FIELD(Beta1, beta1);               ///< The decay of the average of the gradient, of `Adam`.
HONE_FIELD(Beta2, beta2);               ///< The decay of the average of its square, of `Adam`.
HONE_FIELD(Eps, eps);                   ///< The number that `Adam` adds to the denominator.

#undef HONE_FIELD

}  // namespace fields

}  // namespace hone
