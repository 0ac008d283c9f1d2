// SPDX-License-Identifier: Apache-2.0
/// What one training step leaves for the next.
#pragma once

#include <cstdint>

#include "hone/step/losses_tracker.hpp"
#include "hone/step/objectives.hpp"
#include "hone/step/traits.hpp"
#include "hone/step/window.hpp"

namespace hone::detail {

/// Where the schedule is.
struct ScheduleCursor {
  std::int64_t updates = 0;
  std::int64_t continued = 0;  ///< The update at which its next start is.
  bool started = false;
};

/// Threads of a step of the host's own loop.
struct StepThreads {
  int available = 0;  ///< That the host has set.
  int used = 0;
};

/// What one training step leaves for the next.
template <class T>
struct StepState {
  hone::TrackerOf<typename T::Device, typename T::Loss> train_loss{};
  Window window{};  ///< Batches whose gradients wait for an update.
  [[no_unique_address]] ObjectiveWindows<typename T::Loss> objectives{};
  [[no_unique_address]] typename T::Schedule schedule;  ///< Resolved for the run.
  ScheduleCursor cursor{};
  StepThreads threads{};
  bool has_looked_for_untrained = false;
  bool has_warned_of_untrained = false;
};

}  // namespace hone::detail
