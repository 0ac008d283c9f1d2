// SPDX-License-Identifier: Apache-2.0
/// A sequence of schedules, each from a given update on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// A schedule that starts at update `at` of a `Sequence`, with its own update 0.
template <AnySchedule S>
struct Then {
  Updates at = 0;
  S schedule = detail::default_schedule<S>();

  friend constexpr bool operator==(const Then&, const Then&) = default;
};

/// `first` until the first schedule of `rest` starts, then that schedule, and so on. For each schedule,
/// `run::num_updates` is the number of updates until the next schedule starts or the run ends. The schedules may depend
/// on the parameter group.
///
/// **Units** `Then::at`: updates of the whole run, above 0 and strictly ascending.
/// **Errors** `resolved` throws `std::invalid_argument` if the starts are out of order or the last start is not before
/// the end of the run, and the exceptions of the schedules.
/// **Source** `torch.optim.lr_scheduler.SequentialLR`, whose milestones are the starts.
/// **Example** `Sequence{LinearLr{}, Then{500, ConstantLr{}}, Then{run::num_updates / 2, PolynomialLr{}}}`
template <AnySchedule First, AnySchedule... Rest>
struct Sequence {
  using slot = slots::Schedule;
  /// True if a schedule depends on the parameter group.
  static constexpr bool by_group = GroupSchedule<First> || (GroupSchedule<Rest> || ...);

  First first = detail::default_schedule<First>();
  std::tuple<Then<Rest>...> rest;

  constexpr Sequence() = default;
  constexpr explicit Sequence(First begin, Then<Rest>... after) : first(std::move(begin)), rest(std::move(after)...) {}

  constexpr double operator()(double base_lr, std::int64_t update) const
    requires(!by_group)
  {
    return value<0>(first, 0, base_lr, update, 0);
  }
  constexpr double operator()(double base_lr, std::int64_t update, std::size_t group) const
    requires by_group
  {
    return value<0>(first, 0, base_lr, update, group);
  }

  [[nodiscard]] constexpr Sequence resolved(const RunLength& length) const {
    return resolved_parts(length, std::index_sequence_for<Rest...>{});
  }

  friend constexpr bool operator==(const Sequence&, const Sequence&) = default;

 private:
  template <std::size_t I>
  constexpr double value(const auto& schedule, std::int64_t start, double base_lr, std::int64_t update,
                         std::size_t group) const {
    if constexpr (I < sizeof...(Rest)) {
      const auto& next = std::get<I>(rest);
      if (const auto at = next.at.count(); update >= at) return value<I + 1>(next.schedule, at, base_lr, update, group);
    }
    return detail::scheduled_value(schedule, base_lr, update - start, group);
  }

  template <std::size_t... I>
  constexpr Sequence resolved_parts(const RunLength& length, std::index_sequence<I...>) const {
    const std::int64_t starts[] = {0, std::get<I>(rest).at.resolved(length, "Then::at").count()...};
    // The length of part `i`: until the next one starts, or until the end of the run.
    const auto part = [&](std::size_t i) {
      RunLength result = length;
      if (i + 1 < std::size(starts)) {
        if (starts[i + 1] <= starts[i]) reject_order(starts[i], starts[i + 1]);
        result.num_updates = starts[i + 1] - starts[i];
      } else if (length.num_updates) {
        if (starts[i] >= *length.num_updates) reject_length(starts[i], *length.num_updates);
        result.num_updates = *length.num_updates - starts[i];
      }
      return result;
    };
    return Sequence{resolve_schedule(first, part(0)),
                    Then<Rest>{starts[I + 1], resolve_schedule(std::get<I>(rest).schedule, part(I + 1))}...};
  }

  [[noreturn]] static void reject_order(std::int64_t before, std::int64_t after) {
    throw std::invalid_argument("Sequence has a schedule that starts at update " + std::to_string(after) +
                                ", but the schedule before it starts at " + std::to_string(before) +
                                ". Put the starts in ascending order, the first greater than 0.");
  }
  [[noreturn]] static void reject_length(std::int64_t start, std::int64_t num_updates) {
    throw std::invalid_argument("Sequence: the last schedule starts at update " + std::to_string(start) +
                                ", which leaves nothing of the run's " + std::to_string(num_updates) +
                                " updates. Start it earlier, or train for longer.");
  }
};

template <class First, class... Rest>
Sequence(First, Then<Rest>...) -> Sequence<First, Rest...>;

}  // namespace hone
