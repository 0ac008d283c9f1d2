// SPDX-License-Identifier: Apache-2.0
/// Schedules whose values depend on the parameter group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "hone/schedule/constant.hpp"
#include "hone/schedule/schedule.hpp"

namespace hone {

namespace detail {
[[noreturn]] inline void reject_group(const char* what, std::size_t given, std::size_t group) {
  throw std::invalid_argument(std::string(what) + " is for " + std::to_string(given) +
                              " parameter groups, but the optimizer has a group " + std::to_string(group) +
                              ", counted from 0. Set one for each group.");
}
}  // namespace detail

/// One schedule for each parameter group, in the optimizer's order. To keep a group's value constant, use
/// `ConstantLr{}`.
///
/// **Errors** `std::invalid_argument` if the optimizer has more groups than there are schedules, and the exceptions of
/// the schedules.
/// **Example** `PerGroup{WsdLr{}, Warmup{.updates = 100, .after = CosineLr{}}}`
template <AnySchedule... S>
  requires(sizeof...(S) >= 1)
struct PerGroup {
  using slot = slots::Schedule;

  std::tuple<S...> schedules;

  constexpr PerGroup() = default;
  constexpr explicit PerGroup(S... given) : schedules(std::move(given)...) {}

  constexpr double operator()(double base_lr, std::int64_t update, std::size_t group) const {
    if (group >= sizeof...(S)) detail::reject_group("PerGroup", sizeof...(S), group);
    return value<0>(base_lr, update, group);
  }

  [[nodiscard]] constexpr PerGroup resolved(const RunLength& length) const {
    return std::apply([&](const auto&... schedule) { return PerGroup(resolve_schedule(schedule, length)...); },
                      schedules);
  }

  friend constexpr bool operator==(const PerGroup&, const PerGroup&) = default;

 private:
  template <std::size_t I>
  constexpr double value(double base_lr, std::int64_t update, std::size_t group) const {
    if constexpr (I + 1 < sizeof...(S)) {
      if (group != I) return value<I + 1>(base_lr, update, group);
    }
    return detail::scheduled_value(std::get<I>(schedules), base_lr, update, group);
  }
};

/// One schedule for all parameter groups, with a separate factor on its value for each group.
///
/// **Units** factors: at least 0, in the optimizer's order of groups; required.
/// **Errors** `std::invalid_argument` if the optimizer has more groups than there are factors. `resolved` throws it for
/// settings that are out of range.
/// **Example** `ScaledGroups{.factors = {0.1, 1.0}, .schedule = CosineLr{}}`
template <AnySchedule S = ConstantLr>
struct ScaledGroups {
  using slot = slots::Schedule;

  std::vector<double> factors = {};
  S schedule = detail::default_schedule<S>();

  constexpr double operator()(double base_lr, std::int64_t update, std::size_t group) const {
    if (group >= factors.size()) detail::reject_group("ScaledGroups", factors.size(), group);
    return factors[group] * detail::scheduled_value(schedule, base_lr, update, group);
  }

  [[nodiscard]] constexpr ScaledGroups resolved(const RunLength& length) const {
    if (factors.empty()) detail::reject_setting("ScaledGroups::factors", "empty", "Set one for each group.");
    for (const double factor : factors) detail::require_not_negative("ScaledGroups::factors", factor);
    return {.factors = factors, .schedule = resolve_schedule(schedule, length)};
  }

  friend constexpr bool operator==(const ScaledGroups&, const ScaledGroups&) = default;
};

static_assert(GroupSchedule<ScaledGroups<>> && ResolvableSchedule<PerGroup<ConstantLr>>);

}  // namespace hone
