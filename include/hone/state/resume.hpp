// SPDX-License-Identifier: Apache-2.0
/// Runs that resume: where a run announces that it could, and how it returns there.
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
#include "hone/data/remaining.hpp"
#include "hone/data/splitmix.hpp"
#include "hone/state/resume_from.hpp"
#include "hone/state/resume_state.hpp"
#include "hone/state/training_state.hpp"
#include "hone/step/dispatch.hpp"

namespace hone::detail {

/// Sets a private member of `restored` from a training state before all of it is read.
template <class T>
void read_ahead(const Dict& state, const char* name, T& restored) {
  try {
    StateReader reader(state.at("training_state"));
    reader(name, restored);
  } catch (const DataError& error) {
    refuse_training_state(error);
  }
}

/// What brings a trainer back to a training state. The code is in programs that name it alone.
template <class Trainer>
inline constexpr Resumption<Trainer> resumption{
    [](Trainer& trainer, const Dict& state) {
      read_ahead(state, "loader_seed", internals(trainer).resume.loader_seed);
    },
    [](Trainer& trainer, const Dict& state) { read_ahead(state, "run", static_cast<Run&>(internals(trainer).run)); },
    [](Trainer& trainer, const Dict& state) {
      const auto updates = load_weights(internals(trainer).parts, state, {});
      if constexpr (TraitsOf<Trainer>::has_schedule) set_scheduled_updates(trainer, updates.value_or(0));
      restore_run(trainer, state);
    }};

/// A callback saves training states.
template <class Trainer>
inline constexpr bool handles_resume_point = is_handled<typename TraitsOf<Trainer>::Callbacks, Trainer, ResumePoint>;

/// During its lifetime a run is open: a training state can be taken only where `is_whole` says so.
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

/// Dispatches that a training state can be taken. With many ranks not inside an accumulation window, whose gradients
/// differ from rank to rank.
template <class Trainer, class... Batches>
void dispatch_resume_point(Trainer& trainer, bool is_last, const Batches&... batches) {
  if constexpr (handles_resume_point<Trainer>) {
    auto& self = internals(trainer);
    if constexpr (TraitsOf<Trainer>::reduces) {
      if (!self.step.window.empty()) return;
    }
    (self.resume.epoch_place.note(batches, self.run.batch(), trainer.world_size()), ...);
    self.resume.is_whole = true;
    self.resume.unfinished.is_end_announced |= is_last;
    dispatch(trainer, ResumePoint{{self.run}, is_last});
    self.resume.is_whole = false;
  }
}
/// A stop has ended the epoch before its last batch: dispatches where the run resumes, unless that has happened.
template <class Trainer, class... Batches>
void dispatch_end_within_epoch(Trainer& trainer, [[maybe_unused]] const Batches&... batches) {
  if constexpr (handles_resume_point<Trainer>) {
    if (!internals(trainer).resume.unfinished.is_end_announced) dispatch_resume_point(trainer, true, batches...);
  }
}
/// The batches of an epoch are done. Keeps what a training state needs, in case that a stop cuts the evaluations short
/// that follow.
template <class Trainer, class... Batches>
void keep_state_before_evaluation(Trainer& trainer, [[maybe_unused]] const Batches&... batches) {
  if constexpr (handles_resume_point<Trainer>) {
    auto& self = internals(trainer);
    (self.resume.epoch_place.note(batches, self.run.batch(), trainer.world_size()), ...);
    self.resume.unfinished.before.emplace(run_state(trainer), self.parts.optimizer);
  }
}
/// A stop has cut these evaluations short. The run resumes before them.
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
/// Makes the evaluation `metric` in the middle of training; true when it is complete. If not, a resumed run makes it.
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
/// True when a training state asks for evaluations that were not complete.
template <class Trainer>
[[nodiscard]] bool has_unfinished_evaluations(Trainer& trainer) {
  return !internals(trainer).resume.unfinished.after_batch.empty();
}

/// The coming run resumes from a state, where there is one.
template <class Trainer>
void set_resume_source(Trainer& trainer, const ResumeFrom& from) {
  auto& resume = internals(trainer).resume;
  if (from) {
    resume.source = from.read();
    resume.actions = &resumption<Trainer>;
    resume.actions->take_seed(trainer, resume.source->template get<Dict>());
  }
  if constexpr (TraitsOf<Trainer>::reduces) require_same_place(trainer, resume.source.get(), from.path());
}
/// A run that starts from the beginning: with many ranks, all of them have to.
template <class Trainer>
void set_no_resume_source([[maybe_unused]] Trainer& trainer) {
  if constexpr (TraitsOf<Trainer>::reduces) require_same_place(trainer, nullptr, {});
}
/// Moves the run to the epoch and the batch where it resumes; everything else is restored by `restore`.
template <class Trainer>
void take_place(Trainer& trainer) {
  auto& resume = internals(trainer).resume;
  resume.unfinished = {};
  if (resume.source) resume.actions->take_place(trainer, resume.source->template get<Dict>());
}
/// True when the run resumes in the middle of an epoch.
template <class Trainer>
[[nodiscard]] bool resumes_in_epoch(Trainer& trainer) {
  auto& self = internals(trainer);
  return self.resume.is_pending() && self.run.batch() > 0;
}
/// Restores everything, at the place where it was saved.
template <class Trainer>
void restore(Trainer& trainer) {
  auto& resume = internals(trainer).resume;
  const auto state = std::exchange(resume.source, nullptr);
  resume.actions->restore(trainer, state->template get<Dict>());
}

/// An epoch begins. The random numbers that a loader draws then are drawn again when the run resumes in that epoch.
template <class Trainer>
void keep_epoch_generator(Trainer& trainer) {
  auto& resume = internals(trainer).resume;
  resume.epoch_place = {};
  if constexpr (handles_resume_point<Trainer>) resume.epoch_generator = generator_state();
}
/// How many batches the epoch has that the run has resumed in, of `num_batches` in a whole one.
template <class Trainer, class Batches>
[[nodiscard]] std::optional<std::int64_t> batches_with_rest_of(Trainer& trainer, const Batches& batches,
                                                               std::optional<std::int64_t> num_batches) {
  auto& self = internals(trainer);
  if (self.run.batch() == 0) return num_batches;
  return self.resume.epoch_place.go_on(batches, self.run.batch(), trainer.world_size(), num_batches);
}
/// A drawn seed that is the same in all ranks. Collective.
template <class Trainer>
[[nodiscard]] std::uint64_t common_seed(Trainer& trainer) {
  return trainer.in_rank_zero([] { return drawn_seed(); });
}
/// The batches of an epoch that begins, or the rest of one that resumes.
template <class Trainer, class Batches>
auto rest_of(Trainer& trainer, Batches&& batches) {
  auto& self = internals(trainer);
  at::Tensor now;
  if (self.run.batch() > 0) {
    now = generator_state();
    if (self.resume.epoch_generator.defined()) set_generator_state(self.resume.epoch_generator);
  }
  return remaining(
      std::forward<Batches>(batches), self.run.batch(), [now] { set_generator_state(now); },
      self.resume.epoch_place.cut());
}

}  // namespace hone::detail
