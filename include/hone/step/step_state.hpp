// SPDX-License-Identifier: Apache-2.0
/// The state that persists between training steps.
#pragma once

#include <cstdint>

#include "hone/step/losses_tracker.hpp"
#include "hone/step/objectives.hpp"
#include "hone/step/traits.hpp"
#include "hone/step/window.hpp"

namespace hone::detail {

/// The position of the schedule.
struct ScheduleCursor {
  std::int64_t updates = 0;
  std::int64_t continued = 0;  ///< The update at which its next start begins.
  bool started = false;
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
  Window window{};  ///< The batches since the last update.
  [[no_unique_address]] ObjectiveWindows<typename T::Loss> objectives{};
  [[no_unique_address]] typename T::Schedule schedule;  ///< Resolved for the length of the run.
  ScheduleCursor cursor{};
  StepThreads threads{};
  bool has_looked_for_untrained = false;
  bool has_warned_of_untrained = false;
};

}  // namespace hone::detail
