// SPDX-License-Identifier: Apache-2.0
/// `apply_schedule`, which writes the values of a schedule into the parameter groups of an optimizer.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <tuple>

#include "hone/core/slot_requirements.hpp"
#include "hone/schedule/fields.hpp"
#include "hone/schedule/schedule.hpp"
#include "hone/schedule/schedules.hpp"

namespace hone {

namespace detail {

template <class S>
inline constexpr bool is_schedules = false;
template <class... Of>
inline constexpr bool is_schedules<Schedules<Of...>> = true;

/// True for the types of schedules that `apply_schedule` accepts.
template <class S>
inline constexpr bool is_any_schedule =
    std::same_as<S, NoSchedule> || AnySchedule<S> || is_schedule_of<S> || is_schedules<S>;

template <class S>
struct explain_schedule {
  static_assert(is_any_schedule<S>,
                "hone: this schedule cannot be called as "
                "`double operator()(double base_lr, std::int64_t update) const`.");
};

template <class Field, class Settings>
struct driven_field {
  static_assert(sizeof(Settings) == 0,
                "hone: a schedule sets a field that is not a `double` in the settings of this optimizer. Use another "
                "field, or an optimizer that has it.");
};

template <class Field, class Optimizer>
struct driven_optimizer {
  static_assert(sizeof(Optimizer) == 0,
                "hone: a schedule can set only the learning rate of this optimizer. Use a rule such as hone::Sgd or "
                "hone::AdamW to set another field.");
};

template <class Field, class Settings>
concept HasField = requires(Settings& settings) {
  { Field::of(settings) } -> std::same_as<double&>;
};

template <class Optimizer>
concept KeepsBaseSettings = requires(Optimizer& optimizer, std::size_t group) {
  optimizer.groups()[group].settings;
  optimizer.groups()[group].base_settings();
};

/// Calls `f(field, schedule)` for each field that `schedule` drives.
template <class S, class F>
constexpr void for_each_field(const S& schedule, const F& f) {
  if constexpr (is_schedules<S>) {
    std::apply([&](const auto&... of) { (for_each_field(of, f), ...); }, schedule.schedules);
  } else if constexpr (is_schedule_of<S>) {
    f(typename S::field{}, schedule.schedule);
  } else if constexpr (AnySchedule<S>) {
    f(fields::Lr{}, schedule);
  } else if constexpr (!is_any_schedule<S>) {
    static_cast<void>(sizeof(explain_schedule<S>));
  }
}

template <class Field, class S, class Settings>
constexpr void drive(const S& schedule, Settings& settings, const auto& base, std::int64_t update, std::size_t group) {
  if constexpr (HasField<Field, Settings>) {
    Field::of(settings) = scheduled_value(schedule, Field::of(base), update, group);
  } else {
    static_cast<void>(sizeof(driven_field<Field, Settings>));
  }
}

/// Sets `Field` of `optimizer.groups()[group]`. `index` is the group's index across all optimizers.
template <class Field, class S, class Optimizer>
constexpr void drive_group(const S& schedule, Optimizer& optimizer, std::size_t group, std::int64_t update,
                           std::size_t index) {
  if constexpr (KeepsBaseSettings<Optimizer>) {
    auto&& of = optimizer.groups()[group];
    drive<Field>(schedule, of.settings, of.base_settings(), update, index);
  } else {
    static_cast<void>(sizeof(driven_optimizer<Field, Optimizer>));
  }
}

}  // namespace detail

/// Returns whether twice the number of updates and epochs changes a value at update 0, N / 2 or N, for N =
/// `length.num_updates`, base value 1 and group 0. Returns false if N is unknown.
template <class S>
[[nodiscard]] constexpr bool depends_on_length(const S& schedule, const RunLength& length) {
  if (!length.num_updates) return false;
  const std::int64_t num_updates = *length.num_updates;
  RunLength longer = length;
  longer.num_updates = num_updates * 2;
  if (length.num_epochs) longer.num_epochs = *length.num_epochs * 2;
  double difference = 0.0;
  for (const auto update : {std::int64_t{0}, num_updates / 2, num_updates}) {
    double signature[] = {0.0, 0.0};
    for (const bool is_longer : {false, true}) {
      double weight = 1.0;
      detail::for_each_field(schedule, [&]<class Field>(Field, const auto& values) {
        const auto resolved = resolve_schedule(values, is_longer ? longer : length);
        signature[is_longer] += (weight *= 3.0) * detail::scheduled_value(resolved, 1.0, update, 0);
      });
    }
    difference += signature[0] > signature[1] ? signature[0] - signature[1] : signature[1] - signature[0];
  }
  return difference > 0.0;
}

/// True if a schedule of type `S` sets the learning rate. The next update then overwrites a rate set by other code.
template <class S>
inline constexpr bool drives_lr = AnySchedule<S>;
template <class Field, class S>
inline constexpr bool drives_lr<ScheduleOf<Field, S>> = std::same_as<Field, fields::Lr>;
template <class... Of>
inline constexpr bool drives_lr<Schedules<Of...>> = (drives_lr<Of> || ...);

/// Sets the fields of `groups[i].settings` that `schedule` drives to their values for update `update`. The base values
/// are the fields of `base_settings[i]`.
///
/// **Errors** one `static_assert` message if the settings lack a field; at run time, the exceptions of the schedule.
template <class S, class Groups, class BaseSettings>
constexpr void apply_schedule(const S& schedule, Groups&& groups, const BaseSettings& base_settings,
                              std::int64_t update) {
  detail::for_each_field(schedule, [&]<class Field>(Field, const auto& values) {
    for (std::size_t i = 0; i < std::size(groups); ++i) {
      detail::drive<Field>(values, groups[i].settings, base_settings[i], update, i);
    }
  });
}

/// Sets the fields of the parameter groups of `optimizer`: learning rates through `base_lr` and `set_lr`, other fields
/// through `groups()`, whose elements need `settings` and `base_settings()` (the settings at the group's creation).
///
/// **Errors** one `static_assert` message if the optimizer has no such groups or its settings lack a field; at run
/// time, the exceptions of the schedule.
/// **Example** `apply_schedule(schedule, optimizer, optimizer.num_updates());`
template <class S, class Optimizer>
constexpr void apply_schedule(const S& schedule, Optimizer& optimizer, std::int64_t update) {
  detail::for_each_field(schedule, [&]<class Field>(Field, const auto& values) {
    for (std::size_t i = 0; i < optimizer.num_groups(); ++i) {
      if constexpr (std::same_as<Field, fields::Lr>) {
        optimizer.set_lr(i, detail::scheduled_value(values, optimizer.base_lr(i), update, i));
      } else if constexpr (requires { optimizer.visit_group(i, [](auto&, std::size_t) {}); }) {
        optimizer.visit_group(
            i, [&](auto& own, std::size_t group) { detail::drive_group<Field>(values, own, group, update, i); });
      } else {
        detail::drive_group<Field>(values, optimizer, i, update, i);
      }
    }
  });
}

namespace detail::schedule_rules {

HONE_DEFINE_NAMES(resolved);
HONE_POLICY_NEEDS(has_call, "a schedule", "double operator()(double base_lr, std::int64_t update) const",
                  is_any_schedule<P>);
HONE_POLICY_NEEDS(has_resolved, "a schedule `S` with `resolved`", "S resolved(const RunLength& length) const",
                  !names_resolved<P> || ResolvableSchedule<P>);

}  // namespace detail::schedule_rules

template <>
struct SlotRequirements<slots::Schedule>
    : detail::Requirements<detail::schedule_rules::has_call, detail::schedule_rules::has_resolved> {};

}  // namespace hone
