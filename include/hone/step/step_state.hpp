// SPDX-License-Identifier: Apache-2.0
/// The state that persists between training steps.
#pragma once

#include <cstdint>
#include <optional>

#include "hone/step/losses_tracker.hpp"
#include "hone/step/objectives.hpp"
#include "hone/step/traits.hpp"
#include "hone/step/window.hpp"

namespace hone::detail {

/// The position of the schedule.
struct ScheduleCursor {
  std::int64_t updates = 0;
  std::int64_t continued = 0;  ///< The update at which its next start begins.
  bool has_values = false;     ///< The optimizer's state, with the values for that update, was loaded.
  bool started = false;
  bool is_due = false;  ///< An `OptimizerStep` is being dispatched; the values of the next update are not set yet.
};

/// Numbers of threads for a step of the host's loop.
struct StepThreads {
  int available = 0;  ///< As set by the host.
  int used = 0;
};

/// The state that persists between training steps, for a trainer with the traits `T`.
template <class T>
struct StepState {
  hone::TrackerOf<typename T::Device, typename T::Loss> train_loss{};
  Window window{};                  ///< The batches since the last update.
  std::int64_t window_batches = 1;  ///< The number of batches of a full window, since the first batch of this one.
  [[no_unique_address]] ObjectiveWindows<typename T::Loss> objectives{};
  /// Resolved for the length of the run. An optional, because a schedule such as a lambda may not be assignable.
  std::optional<typename T::Schedule> schedule;
  ScheduleCursor cursor{};
  StepThreads threads{};
  bool has_looked_for_untrained = false;
  bool has_warned_of_untrained = false;
};

}  // namespace hone::detail
