// SPDX-License-Identifier: Apache-2.0
/// A schedule with its own update counter, for programs without a trainer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// The state of a `Stateful` for a checkpoint.
///
/// **Units** num_updates: the index of the current update; -1 before the first `step`.
struct ScheduleState {
  std::int64_t num_updates = -1;

  friend constexpr bool operator==(const ScheduleState&, const ScheduleState&) = default;
};

/// A schedule and its current update. Call `step` before each update; the first call selects update 0. Before the first
/// call, `value` also returns the value for update 0.
///
/// pytorch-accelerated calls `step` after each update, and its first call also selects update 0. There, each update
/// n > 0 uses the value for n - 1, and the last value is never used. Here, update n uses the value for n, as in hone's
/// trainer.
///
/// **Errors** `std::invalid_argument` for a schedule whose settings are out of range or still depend on the run, and
/// for a state with a count below -1.
/// **Example**
/// ```
/// hone::Stateful schedule{hone::CosineLr{.total_updates = 1000}};
/// for (...) {
///   schedule.step();
///   optimizer.set_lr(schedule.value(0.1));
///   optimizer.step();
/// }
/// ```
template <AnySchedule S>
class Stateful {
 public:
  /// Resolves `schedule` for a run of the given length.
  constexpr explicit Stateful(const S& schedule, const RunLength& length = {})
      : schedule_(resolve_schedule(schedule, length)) {}

  /// Advances to the next update, the first time to update 0.
  constexpr void step() { ++state_.num_updates; }

  /// Returns the value for the current update.
  [[nodiscard]] constexpr double value(double base, std::size_t group = 0) const {
    const auto update = state_.num_updates < 0 ? 0 : state_.num_updates;
    if constexpr (GroupSchedule<S>) {
      return schedule_(base, update, group);
    } else {
      static_cast<void>(group);
      return schedule_(base, update);
    }
  }

  [[nodiscard]] constexpr const S& schedule() const { return schedule_; }
  [[nodiscard]] constexpr const ScheduleState& state() const { return state_; }
  /// Continues from a state that `state` returned.
  constexpr void load_state(const ScheduleState& state) {
    if (state.num_updates < -1) reject_state(state.num_updates);
    state_ = state;
  }

 private:
  [[noreturn]] static void reject_state(std::int64_t num_updates) {
    throw std::invalid_argument("ScheduleState::num_updates is " + std::to_string(num_updates) +
                                ". Load a state that `state` returned: -1 or more.");
  }

  S schedule_;
  ScheduleState state_{};
};

}  // namespace hone
