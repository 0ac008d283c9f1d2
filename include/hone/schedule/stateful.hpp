// SPDX-License-Identifier: Apache-2.0
/// A schedule that counts the updates itself, for programs without a trainer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// All that a `Stateful` remembers: a checkpoint needs nothing else.
///
/// **Units** num_updates: the update whose value is in force; -1 before the first `step`.
struct ScheduleState {
  std::int64_t num_updates = -1;

  friend constexpr bool operator==(const ScheduleState&, const ScheduleState&) = default;
};

/// A schedule and the update that it stands at. Call `step` before each update: the first call is for update 0. Before
/// any call, `value` is that for update 0 too.
///
/// pytorch-accelerated calls its `step` after each update, and the first call gives the value for 0 there too: update 1
/// is made with it, and all that follow are one behind, so that the last value is never used. Here, update n is made
/// with the value for n, as in hone's trainer.
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
template <class S>
  requires Schedule<S> || GroupSchedule<S>
class Stateful {
 public:
  /// `length` fills in the facts of the run, for a schedule that asks for them.
  constexpr explicit Stateful(const S& schedule, const RunLength& length = {})
      : schedule_(resolve_schedule(schedule, length)) {}

  /// Goes on to the next update, the first time to update 0.
  constexpr void step() { ++state_.num_updates; }

  /// The value for the update at hand.
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
