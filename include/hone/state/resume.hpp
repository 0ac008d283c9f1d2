// SPDX-License-Identifier: Apache-2.0
/// Resuming of runs: dispatch of the positions from which a run can resume, and restoring of a run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hone/checkpoint/archive.hpp"
#include "hone/checkpoint/generator_state.hpp"
#include "hone/core/error.hpp"
#include "hone/data/skip_batches.hpp"
#include "hone/data/splitmix.hpp"
#include "hone/state/resume_from.hpp"
#include "hone/state/resume_state.hpp"
#include "hone/state/training_state.hpp"
#include "hone/step/dispatch.hpp"

namespace hone::detail {

/// Loads the entry `name` of a training state into `restored`, before the rest of the state is loaded.
template <class T>
void read_ahead(const Dict& state, const char* name, T& restored) {
  try {
    StateReader reader(state.at("training_state"));
    reader(name, restored);
  } catch (const DataError& error) {
    refuse_training_state(error);
  }
}

/// The functions that restore a trainer to a training state. They are instantiated only in programs that resume.
template <class Trainer>
inline constexpr Resumption<Trainer> resumption{
    [](Trainer& trainer, const Dict& state) {
      read_ahead(state, "loader_seed", internals(trainer).resume.loader_seed);
    },
    [](Trainer& trainer, const Dict& state) { read_ahead(state, "run", static_cast<Run&>(internals(trainer).run)); },
    [](Trainer& trainer, const Dict& state) {
      const auto updates = load_weights(internals(trainer).parts, state, {});
      if constexpr (TraitsOf<Trainer>::has_schedule) move_schedule(trainer, updates.value_or(0), /*has_values=*/true);
      restore_run(trainer, state);
    }};

/// True if a callback handles `ResumePoint`, as one that saves training states does.
template <class Trainer>
inline constexpr bool handles_resume_point = is_handled<typename TraitsOf<Trainer>::Callbacks, Trainer, ResumePoint>;

/// RAII: marks a run as open. During the lifetime of an object, a training state can be saved only at a resume point.
template <class Trainer>
class OpenRun {
 public:
  explicit OpenRun(Trainer& trainer)
      : trainer_(trainer), before_(std::exchange(internals(trainer).resume.is_whole, false)) {}
  OpenRun(const OpenRun&) = delete;
  OpenRun& operator=(const OpenRun&) = delete;
  ~OpenRun() {
    auto& self = internals(trainer_);
    self.resume.is_whole = before_;
    if (!self.activity.trains) self.resume.source.reset();
  }

 private:
  Trainer& trainer_;
  bool before_;
};

/// Dispatches `ResumePoint`, in whose handlers a training state can be saved. With a distribution policy that reduces
/// gradients, no-op inside an accumulation window, whose gradients differ between ranks.
template <class Trainer, class... Batches>
void dispatch_resume_point(Trainer& trainer, bool is_last, const Batches&... batches) {
  if constexpr (handles_resume_point<Trainer>) {
    auto& self = internals(trainer);
    if constexpr (TraitsOf<Trainer>::reduces) {
      if (!self.step.window.empty()) return;
    }
    (self.resume.epoch_position.note(batches, self.run.batch(), trainer.world_size()), ...);
    self.resume.is_whole = true;
    self.resume.unfinished.is_end_announced |= is_last;
    dispatch(trainer, ResumePoint{{self.run}, is_last});
    self.resume.is_whole = false;
  }
}
/// Dispatches the last `ResumePoint` of a run, unless that has happened. Called after a stop has ended an epoch before
/// its last batch.
template <class Trainer, class... Batches>
void dispatch_end_mid_epoch(Trainer& trainer, [[maybe_unused]] const Batches&... batches) {
  if constexpr (handles_resume_point<Trainer>) {
    if (!internals(trainer).resume.unfinished.is_end_announced) dispatch_resume_point(trainer, true, batches...);
  }
}
/// Copies the state of the run after an epoch's last batch, in case a stop interrupts the evaluations that follow.
template <class Trainer, class... Batches>
void keep_state_before_evaluation(Trainer& trainer, [[maybe_unused]] const Batches&... batches) {
  if constexpr (handles_resume_point<Trainer>) {
    auto& self = internals(trainer);
    (self.resume.epoch_position.note(batches, self.run.batch(), trainer.world_size()), ...);
    self.resume.unfinished.before.emplace(run_state(trainer), self.parts.optimizer);
  }
}
/// Dispatches the last `ResumePoint` of a run with the state before the evaluations, if recorded. Called after a stop
/// has interrupted these evaluations.
template <class Trainer>
void dispatch_resume_point_before_evaluation(Trainer& trainer) {
  if constexpr (handles_resume_point<Trainer>) {
    auto& unfinished = internals(trainer).resume.unfinished;
    if (!unfinished.before) return;
    unfinished.resumes_before = true;
    dispatch_resume_point(trainer, true);
    unfinished.resumes_before = false;
  }
}
/// Runs the evaluation `metric` within an epoch; returns whether it was completed. If not, a resumed run repeats it,
/// with the same state of the random number generators.
template <class Trainer>
bool evaluate_after_batch(Trainer& trainer, std::string_view metric, auto&& evaluate) {
  if constexpr (!handles_resume_point<Trainer>) {
    return evaluate();
  } else {
    auto& self = internals(trainer);
    const auto device = self.parts.device.device();
    const auto generators = generator_states(device);
    if (evaluate()) return true;
    set_generator_states(generators, device);
    self.resume.unfinished.after_batch.emplace_back(metric);
    return false;
  }
}
/// Returns whether evaluations within the epoch were interrupted, and are to be repeated.
template <class Trainer>
[[nodiscard]] bool has_unfinished_evaluations(Trainer& trainer) {
  return !internals(trainer).resume.unfinished.after_batch.empty();
}

/// Makes the next run resume from a state, or start from the beginning without one. Collective.
template <class Trainer>
void set_resume_source(Trainer& trainer, const ResumeFrom& from) {
  auto& resume = internals(trainer).resume;
  if (from) {
    resume.source = from.read();
    resume.actions = &resumption<Trainer>;
    resume.actions->take_seed(trainer, resume.source->template get<Dict>());
  }
  if constexpr (TraitsOf<Trainer>::reduces) require_same_position(trainer, resume.source.get(), from.path());
}
/// Throws `DistributedError` unless the next run starts from the beginning on all ranks. Collective.
template <class Trainer>
void set_no_resume_source([[maybe_unused]] Trainer& trainer) {
  if constexpr (TraitsOf<Trainer>::reduces) require_same_position(trainer, nullptr, {});
}
/// Sets the epoch and the batch at which the run resumes; `restore` loads the rest of the state.
template <class Trainer>
void restore_position(Trainer& trainer) {
  auto& resume = internals(trainer).resume;
  resume.unfinished = {};
  if (resume.source) resume.actions->restore_position(trainer, resume.source->template get<Dict>());
}
/// Returns whether the run resumes within an epoch, and `restore` has not been called yet.
template <class Trainer>
[[nodiscard]] bool resumes_in_epoch(Trainer& trainer) {
  auto& self = internals(trainer);
  return self.resume.is_pending() && self.run.batch() > 0;
}
/// Restores the training state. Called once the run is at the position at which the state was saved.
template <class Trainer>
void restore(Trainer& trainer) {
  auto& resume = internals(trainer).resume;
  const auto state = std::exchange(resume.source, nullptr);
  resume.actions->restore(trainer, state->template get<Dict>());
}

/// Records the state of the CPU's generator at the beginning of an epoch, so that a loader draws the same random
/// numbers when a run resumes in that epoch. Resets the position in the epoch.
template <class Trainer>
void keep_epoch_generator(Trainer& trainer) {
  auto& resume = internals(trainer).resume;
  resume.epoch_position = {};
  if constexpr (handles_resume_point<Trainer>) resume.epoch_generator = generator_state();
}
/// Returns the number of batches of the epoch in which the run has resumed; a whole epoch has `num_batches`.
template <class Trainer, class Batches>
[[nodiscard]] std::optional<std::int64_t> batches_with_rest_of(Trainer& trainer, const Batches& batches,
                                                               std::optional<std::int64_t> num_batches) {
  auto& self = internals(trainer);
  if (self.run.batch() == 0) return num_batches;
  return self.resume.epoch_position.go_on(batches, self.run.batch(), trainer.world_size(), num_batches);
}
/// Returns a random seed, the same on all ranks. Collective.
template <class Trainer>
[[nodiscard]] std::uint64_t common_seed(Trainer& trainer) {
  return trainer.on_rank_zero([] { return drawn_seed(); });
}
/// Returns the batches of an epoch: all of them, or the remaining ones if the run has resumed in it.
template <class Trainer, class Batches>
auto rest_of(Trainer& trainer, Batches&& batches) {
  auto& self = internals(trainer);
  at::Tensor now;
  if (self.run.batch() > 0) {
    now = generator_state();
    if (self.resume.epoch_generator.defined()) set_generator_state(self.resume.epoch_generator);
  }
  return skip_batches(
      std::forward<Batches>(batches), self.run.batch(), [now] { set_generator_state(now); },
      self.resume.epoch_position.cut());
}

}  // namespace hone::detail
