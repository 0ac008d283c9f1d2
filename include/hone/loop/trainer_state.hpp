// SPDX-License-Identifier: Apache-2.0
/// All that a trainer holds.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "hone/callbacks/run_control.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/loop/activity.hpp"
#include "hone/loop/components.hpp"
#include "hone/loop/epoch_place.hpp"
#include "hone/loop/losses_tracker.hpp"
#include "hone/loop/objectives.hpp"
#include "hone/loop/resume_from.hpp"
#include "hone/loop/step_sync.hpp"
#include "hone/loop/traits.hpp"
#include "hone/loop/unfinished_evaluations.hpp"
#include "hone/loop/window.hpp"

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

/// Where a run ends at the latest.
struct RunLimits {
  std::int64_t max_updates = std::numeric_limits<std::int64_t>::max();
  std::int64_t first_look = max_updates;  ///< Updates from which on the run may be at a limit.
  std::chrono::steady_clock::time_point began{};
};

/// Where a run is in its data, for training states, and what a run that resumes has yet to restore.
template <class Trainer>
struct ResumeState {
  UnfinishedEvaluations unfinished{};
  std::uint64_t loader_seed = 0;
  EpochPlace epoch_place{};
  at::Tensor epoch_generator{};  ///< The generator's state at the beginning of the epoch.
  bool is_whole = true;          ///< A training state can be taken now.
  std::shared_ptr<const Value> source{};
  const Resumption<Trainer>* actions = nullptr;

  /// The run resumes, and has not restored everything yet.
  [[nodiscard]] bool is_pending() const { return source != nullptr; }
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
