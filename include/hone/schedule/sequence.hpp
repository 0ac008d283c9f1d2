// SPDX-License-Identifier: Apache-2.0
/// A sequence of schedules, each from a given update on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// A schedule that starts at update `at` of a `Sequence`, with its own update 0.
template <Schedule S>
struct Then {
  Updates at = 0;
  S schedule = {};

  friend constexpr bool operator==(const Then&, const Then&) = default;
};

/// `first` until the first schedule of `rest` starts, then that schedule, and so on. For each schedule,
/// `run::num_updates` is the number of updates until the next schedule starts or the run ends.
///
/// **Units** `Then::at`: updates of the whole run, above 0 and strictly ascending.
/// **Errors** `resolved` throws `std::invalid_argument` if the starts are out of order or the last start is not before
/// the end of the run, and the exceptions of the schedules.
/// **Source** `torch.optim.lr_scheduler.SequentialLR`, whose milestones are the starts.
/// **Example** `Sequence{LinearLr{}, Then{500, ConstantLr{}}, Then{run::num_updates / 2, PolynomialLr{}}}`
template <Schedule First, Schedule... Rest>
struct Sequence {
  using slot = slots::Schedule;

  First first = {};
  std::tuple<Then<Rest>...> rest = {};

  constexpr Sequence() = default;
  constexpr explicit Sequence(First begin, Then<Rest>... after) : first(std::move(begin)), rest(std::move(after)...) {}

  constexpr double operator()(double base_lr, std::int64_t update) const { return value<0>(first, 0, base_lr, update); }

  [[nodiscard]] constexpr Sequence resolved(const RunLength& length) const {
    Sequence result = *this;
    std::apply([&](auto&... after) { ((after.at = after.at.resolved(length, "Then::at")), ...); }, result.rest);
    RunLength part = length;
    part.num_updates = result.end_of<0>(0, length);
    result.first = resolve_schedule(first, part);
    result.template resolve_rest<0>(length);
    return result;
  }

  friend constexpr bool operator==(const Sequence&, const Sequence&) = default;

 private:
  template <std::size_t I>
  constexpr double value(const auto& schedule, std::int64_t start, double base_lr, std::int64_t update) const {
    if constexpr (I < sizeof...(Rest)) {
      const auto& next = std::get<I>(rest);
      if (const auto at = next.at.count(); update >= at) return value<I + 1>(next.schedule, at, base_lr, update);
    }
    return schedule(base_lr, update - start);
  }

  /// Returns the number of updates from `start` to the start of `rest[I]`, or to the end of the run after the last
  /// schedule. Empty if it is unknown.
  template <std::size_t I>
  constexpr std::optional<std::int64_t> end_of(std::int64_t start, const RunLength& length) const {
    if constexpr (I < sizeof...(Rest)) {
      const auto end = std::get<I>(rest).at.count();
      if (end <= start) reject_order(start, end);
      return end - start;
    } else {
      if (!length.num_updates) return std::nullopt;
      if (start >= *length.num_updates) reject_length(start, *length.num_updates);
      return *length.num_updates - start;
    }
  }

  template <std::size_t I>
  constexpr void resolve_rest(const RunLength& length) {
    if constexpr (I < sizeof...(Rest)) {
      auto& then = std::get<I>(rest);
      RunLength part = length;
      part.num_updates = end_of<I + 1>(then.at.count(), length);
      then.schedule = resolve_schedule(then.schedule, part);
      resolve_rest<I + 1>(length);
    }
  }

  [[noreturn]] static void reject_order(std::int64_t before, std::int64_t after) {
    throw std::invalid_argument("Sequence has a schedule that takes over at update " + std::to_string(after) +
                                ", and the one before it begins at " + std::to_string(before) +
                                ". Give the starts in ascending order, the first above 0.");
  }
  [[noreturn]] static void reject_length(std::int64_t start, std::int64_t num_updates) {
    throw std::invalid_argument("Sequence: the last schedule takes over at update " + std::to_string(start) +
                                ", which leaves nothing of the run's " + std::to_string(num_updates) +
                                " updates. Let it start earlier, or train for longer.");
  }
};

template <class First, class... Rest>
Sequence(First, Then<Rest>...) -> Sequence<First, Rest...>;

}  // namespace hone
