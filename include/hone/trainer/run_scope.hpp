// SPDX-License-Identifier: Apache-2.0
/// The common part of training, evaluation and prediction: the beginning, the limits and the end of a run, and the
/// scope that restores the settings of the process.
#pragma once

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/type_name.hpp"
#include "hone/data/loader.hpp"
#include "hone/state/resume.hpp"
#include "hone/step/device_errors.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/forward_macs.hpp"
#include "hone/step/guards.hpp"
#include "hone/step/model.hpp"
#include "hone/step/update.hpp"
#include "hone/trainer/require_same_config.hpp"
#include "hone/trainer/run_setup.hpp"
#include "hone/trainer/trainer_state.hpp"

namespace hone::detail {

/// Returns the number of threads of a run: the option `num_threads` if set, else the choice of the threads policy.
template <class Trainer, class Dataset>
[[nodiscard]] int threads_for(Trainer& trainer, int num_threads, const Dataset& dataset, std::int64_t batch_size) {
  if (num_threads > 0) return num_threads;
  auto& parts = internals(trainer).parts;
  return parts.threads.threads_for(forward_macs(unwrap(parts.model), dataset, batch_size), at::get_num_threads());
}

/// Reports the current exception to the process group, so that no rank waits for this one.
template <class Trainer>
void fail_group([[maybe_unused]] Trainer& trainer) {
  if constexpr (TraitsOf<Trainer>::reduces) {
    auto& processes = internals(trainer).parts.processes;
    try {
      throw;
    } catch (const std::exception& error) {
      processes.fail(error.what());
    } catch (...) {
      processes.fail("It threw an exception that is not a std::exception.");
    }
  }
}

/// Returns the scope of a policy around a run. A free function: g++ 12 copies the result of a static member function.
template <class Policy>
[[nodiscard]] auto scope_over_run(Policy& policy) {
  return policy.over_run();
}

/// Sets gradient mode, threads, denormals, number formats and the current device for a run. Restores them, and the
/// modes of the model, at the end of its lifetime.
template <class Trainer>
class RunScope {
  using T = TraitsOf<Trainer>;
  using Parts = Components<T>;

 public:
  /// `is_open` is the member of `Activity` for this run.
  RunScope(Trainer& trainer, bool& is_open, int num_threads)
      : trainer_(trainer),
        is_inner_(!internals(trainer).activity.is_idle()),
        open_(trainer),
        activity_(is_open),
        mode_(parts().model),
        threads_(num_threads),
        denormals_(scope_over_run(parts().denormals)),
        precision_(parts().precision_scope()),
        heap_(scope_over_run(parts().heap)),
        current_(device_scope(parts().device)) {
    internals(trainer).has_begun_run = false;
  }
  RunScope(const RunScope&) = delete;
  RunScope& operator=(const RunScope&) = delete;

  /// Dispatches `on_exception` for the current exception and rethrows it. A device error becomes a `DeviceError`.
  [[noreturn]] void fail() {
    try {
      rethrow_explained(parts().device.device());
    } catch (...) {
      auto& self = internals(trainer_);
      fail_group(trainer_);
      if (!is_inner_ && self.activity.trains) {  // otherwise an outer loop owns the open window
        as_far_as_possible([&] { drop_window(trainer_); });
      }
      if (!is_inner_ || self.has_begun_run) {
        dispatch(trainer_, ExceptionThrown{{self.run}, std::current_exception()});
      }
      throw;
    }
  }

 private:
  [[nodiscard]] Parts& parts() { return internals(trainer_).parts; }

  Trainer& trainer_;
  bool is_inner_;
  OpenRun<Trainer> open_;
  FlagGuard activity_;
  ModeGuard<typename T::Model> mode_;
  ThreadGuard threads_;
  decltype(scope_over_run(std::declval<Parts&>().denormals)) denormals_;
  decltype(std::declval<Parts&>().precision_scope()) precision_;
  decltype(scope_over_run(std::declval<Parts&>().heap)) heap_;
  at::AutoGradMode gradients_{true};
  decltype(device_scope(std::declval<Parts&>().device)) current_;
};

/// Suspends the trainer's current run during its lifetime, for a run inside it, and then resumes it.
template <class Trainer>
class InnerRun {
 public:
  explicit InnerRun(Trainer& trainer)
      : trainer_(trainer),
        run_(internals(trainer).run.suspend()),
        limits_(internals(trainer).limits),
        sync_(internals(trainer).sync) {}
  InnerRun(const InnerRun&) = delete;
  InnerRun& operator=(const InnerRun&) = delete;
  ~InnerRun() {
    auto& self = internals(trainer_);
    self.run.resume(std::move(run_), /*is_open=*/!self.activity.is_idle());
    self.limits = limits_;
    self.sync = sync_;
  }

 private:
  Trainer& trainer_;
  Run run_;
  RunLimits limits_;
  [[no_unique_address]] StepSync<typename TraitsOf<Trainer>::Distribution> sync_;
};

/// Begins a run. Throws unless all ranks have the same settings. Collective.
template <class Trainer>
void begin_run(Trainer& trainer, Phase phase, RunConfig config) {
  using T = TraitsOf<Trainer>;
  auto& self = internals(trainer);
  auto& parts = self.parts;
  config.num_batches_per_update = phase == Phase::train ? parts.accumulation.num_batches_per_update() : 1;
  config.num_threads = at::get_num_threads();
  config.num_processes = parts.processes.world_size();
  config.process_index = parts.processes.rank();
  config.device = parts.device.device().str();
  config.precision = type_name<typename T::Precision>();
  if constexpr (T::reduces) {
    parts.processes.require_agreement("run's options", require_same_config(config, parts.optimizer),
                                      "Use the same options, data and optimizer in every process.");
    self.sync = {};
  }
  self.run.begin(phase, std::move(config));
  self.has_begun_run = true;
  auto& limits = self.limits;
  limits.max_updates = self.run.config().max_updates.value_or(std::numeric_limits<std::int64_t>::max());
  limits.first_look = limits.max_updates;
  if (self.run.config().max_time) {
    limits.first_look = std::min(limits.max_updates, std::int64_t{1});
    limits.began = std::chrono::steady_clock::now();
  }
}

/// Returns the number of batches per epoch: the length of the range, at most `limit` and the limits of callbacks.
/// Returns nothing if none of these is known.
template <class Trainer, class Batches>
[[nodiscard, gnu::noinline]] std::optional<std::int64_t> num_batches_in(Trainer& trainer, Batches& batches, Phase phase,
                                                                        std::optional<std::int64_t> limit = {}) {
  return limited(limited(batch_count(batches), internals(trainer).parts.callbacks.batch_limit(phase)), limit);
}

/// True if the current batch is known to be the last of its epoch.
template <class Trainer>
[[nodiscard]] bool is_last_batch(Trainer& trainer) {
  auto& run = internals(trainer).run;
  return run.num_batches_ && run.batch_ + 1 == *run.num_batches_;
}
/// True if the epoch has a known number of batches and all of them were processed.
template <class Trainer>
[[nodiscard]] bool is_epoch_over(Trainer& trainer) {
  auto& run = internals(trainer).run;
  return run.num_batches_ && run.batch_ >= *run.num_batches_;
}
/// True if a stop takes effect or `max_updates` is reached.
template <class Trainer>
[[nodiscard]] bool is_over(Trainer& trainer) {
  auto& self = internals(trainer);
  return self.run.stop_requested() || self.run.num_updates_ >= self.limits.max_updates;
}
/// True if `is_over` and the accumulation window is empty.
template <class Trainer>
[[nodiscard]] bool is_over_now(Trainer& trainer) {
  return internals(trainer).step.window.empty() && is_over(trainer);
}

template <class Trainer>
[[nodiscard, gnu::noinline]] bool is_at_limit(Trainer& trainer) {
  auto& self = internals(trainer);
  if (self.run.num_updates_ >= self.limits.max_updates) return true;
  const auto max_time = *self.run.config_.max_time;
  if (std::chrono::steady_clock::now() - self.limits.began >= max_time) {
    self.run.request_stop(format_message("Reached max_time = {} s", {max_time.count()}));
  }
  return self.run.stop_requested();
}
/// True if `is_over_now`, or if the window is empty and `max_time` has elapsed, in which case it requests a stop. Reads
/// the clock only if the run has a `max_time`.
template <class Trainer>
[[nodiscard]] bool ends_here(Trainer& trainer) {
  auto& self = internals(trainer);
  return self.step.window.empty() &&
         (self.run.stop_requested() || (self.run.num_updates_ >= self.limits.first_look && is_at_limit(trainer)));
}

/// Stores the number of samples of the next step over all ranks, if the loader can compute it.
template <class Trainer, class Batches>
void count_samples([[maybe_unused]] Trainer& trainer, [[maybe_unused]] const Batches& batches) {
  if constexpr (TraitsOf<Trainer>::reduces && KnowsItsCut<Batches>) {
    auto& self = internals(trainer);
    const auto& place = self.resume.epoch_position;
    self.sync.samples_in_step =
        place.samples_after(batches, self.run.batch_ + 1) - place.samples_after(batches, self.run.batch_);
  }
}

template <class Trainer>
void require_batches(Trainer& trainer) {
  auto& run = internals(trainer).run;
  if (run.batch_ > 0) return;
  throw DataError(
      format_message("The loader yielded no batches in epoch {} ({}). Pass data that is not empty; a range that can be "
                     "iterated only once lasts for one epoch.",
                     {run.epoch(), to_string(run.phase_)}));
}

/// Returns the number of updates in `num_epochs` epochs; the largest integer if that is unknown or unlimited.
[[nodiscard]] inline std::int64_t planned_updates(const RunConfig& config) {
  const bool is_known = config.num_updates_per_epoch && config.num_epochs != RunConfig::unlimited_epochs;
  return is_known ? *config.num_updates_per_epoch * config.num_epochs : std::numeric_limits<std::int64_t>::max();
}

/// Records the reason why the run ends early, and dispatches `StopTraining` for a requested stop. Collective.
template <class Trainer>
void dispatch_stop(Trainer& trainer) {
  sync_stop(trainer);
  auto& self = internals(trainer);
  auto& run = self.run;
  if (run.stop_requested()) {
    run.history_.set_stop_reason(run.reason_);
    dispatch(trainer, StopTraining{{run}});
  } else if (run.num_updates_ >= self.limits.max_updates && self.limits.max_updates < planned_updates(run.config_)) {
    run.history_.set_stop_reason(format_message("Reached max_updates = {}", {self.limits.max_updates}));
  }
}

/// Records the reason of a stop that a handler of the run's end event requested. Collective.
template <class Trainer>
void record_late_stop(Trainer& trainer) {
  sync_stop(trainer);
  auto& run = internals(trainer).run;
  if (run.stop_requested() && !run.history_.stop_reason()) run.history_.set_stop_reason(run.reason_);
}

}  // namespace hone::detail
