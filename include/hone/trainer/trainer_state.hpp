// SPDX-License-Identifier: Apache-2.0
/// The private state of a trainer.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

#include "hone/callbacks/run_control.hpp"
#include "hone/state/resume_state.hpp"
#include "hone/step/activity.hpp"
#include "hone/step/components.hpp"
#include "hone/step/step_state.hpp"
#include "hone/step/step_sync.hpp"

namespace hone::detail {

/// The limits of a run.
struct RunLimits {
  std::int64_t max_updates = std::numeric_limits<std::int64_t>::max();
  std::int64_t first_look = max_updates;  ///< The number of updates from which on `ends_here` checks the limits.
  std::chrono::steady_clock::time_point began{};
};

/// Contains the components of a trainer, and the state of its steps and runs.
template <class T>
struct TrainerState {
  Components<T> parts;
  StepState<T> step{.schedule = parts.schedule};
  [[no_unique_address]] StepSync<typename T::Distribution> sync{};
  RunControl run{};
  RunLimits limits{};
  ResumeState<typename T::Trainer> resume{};
  Activity activity{};
  bool is_silent = false;      ///< No callback is called.
  bool is_trial = false;       ///< The run is a trial run, which restores the trainer at its end.
  bool has_begun_run = false;  ///< The innermost run has completed `begin_run`.
};

}  // namespace hone::detail
