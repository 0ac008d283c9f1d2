// SPDX-License-Identifier: Apache-2.0
/// A combination of schedules for several fields of the parameter groups.
#pragma once

#include <concepts>
#include <tuple>
#include <utility>

#include "hone/schedule/fields.hpp"

namespace hone {

namespace detail {

template <class T>
inline constexpr bool is_schedule_of = false;
template <class Field, class S>
inline constexpr bool is_schedule_of<ScheduleOf<Field, S>> = true;

/// The number of schedules in `Of` that drive `Field`.
template <class Field, class... Of>
inline constexpr int num_driving = (0 + ... + int{std::same_as<Field, typename Of::field>});

template <class... Of>
struct one_schedule_to_a_field {
  static_assert(((num_driving<typename Of::field, Of...> == 1) && ...),
                "hone: more than one schedule sets the same field. Remove all but one.");
};

}  // namespace detail

/// One schedule for each of several fields.
///
/// **Errors** one `static_assert` message if two schedules drive the same field.
/// **Example** `Schedules{fields::lr = OneCycleLr{}, fields::momentum = OneCycleMomentum{}}`
template <class... Of>
  requires(sizeof...(Of) >= 1 && (detail::is_schedule_of<Of> && ...))
struct Schedules {
  using slot = slots::Schedule;

  std::tuple<Of...> schedules;

  constexpr Schedules() { check_fields(); }
  constexpr explicit Schedules(Of... given) : schedules(std::move(given)...) { check_fields(); }

  [[nodiscard]] constexpr Schedules resolved(const RunLength& length) const {
    return std::apply([&](const auto&... each) { return Schedules(each.resolved(length)...); }, schedules);
  }

  friend constexpr bool operator==(const Schedules&, const Schedules&) = default;

 private:
  static constexpr void check_fields() { static_cast<void>(sizeof(detail::one_schedule_to_a_field<Of...>)); }
};

}  // namespace hone
