// SPDX-License-Identifier: Apache-2.0
/// All that a trainer holds.
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

/// Where a run ends at the latest.
struct RunLimits {
  std::int64_t max_updates = std::numeric_limits<std::int64_t>::max();
  std::int64_t first_look = max_updates;  ///< Updates from which on the run may be at a limit.
  std::chrono::steady_clock::time_point began{};
};

/// All that a trainer holds.
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
  bool is_trial = false;       ///< The run is a trial run, which is undone afterwards.
  bool has_begun_run = false;  ///< The innermost run has passed `begin_run`.
};

}  // namespace hone::detail
