// SPDX-License-Identifier: Apache-2.0
/// What every run has: a beginning, limits, an end, and the promise to leave things as they were.
#pragma once

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/core/type_name.hpp"
#include "hone/data/loader.hpp"
#include "hone/loop/agreed_part.hpp"
#include "hone/loop/guards.hpp"
#include "hone/loop/model.hpp"
#include "hone/loop/multiplications.hpp"
#include "hone/loop/rehearsal.hpp"
#include "hone/loop/run_setup.hpp"

namespace hone {

/// The frame of training, evaluation and prediction.
template <class Self, class Model, class Loss, class Optimizer, class... Policies>
class Runs : public Rehearsing<Self, Model, Loss, Optimizer, Policies...> {
  using Base = Rehearsing<Self, Model, Loss, Optimizer, Policies...>;

 protected:
  using Base::accumulation_;
  using Base::activity_;
  using Base::announce;
  using Base::Base;
  using Base::callbacks_;
  using Base::device_;
  using Base::drop_window;
  using Base::model_;
  using Base::optimizer_;
  using Base::processes_;
  using Base::run_;
  using Base::window_;

  /// Where a run ends at the latest.
  struct Limits {
    std::int64_t max_updates = std::numeric_limits<std::int64_t>::max();
    std::int64_t first_look = max_updates;  ///< Updates from which on the run may be at a limit.
    std::chrono::steady_clock::time_point began;
  };
  Limits limits_;

  /// How many threads a run uses: as many as it was told to, else what the policy says.
  template <class Dataset>
  [[nodiscard]] int suitable_threads(int told, const Dataset& dataset, std::int64_t batch_size) const {
    if (told > 0) return told;
    return this->threads_.num_threads(multiplications(pointee(model_), dataset, batch_size), at::get_num_threads());
  }

  /// Calls `run` and restores modes, gradient mode and threads afterwards. `open` is the activity that this is.
  template <class F>
  void guarded_run(bool& open, int num_threads, F&& run) {
    const bool is_inner = !activity_.is_idle();
    has_begun_ = false;
    const ActivityGuard activity(open);
    const ModeGuard mode(model_);
    const ThreadGuard threads(num_threads);
    [[maybe_unused]] const auto denormals = this->denormals_.over_run();
    [[maybe_unused]] const auto number_format = this->number_format();
    [[maybe_unused]] const auto heap = this->heap_.over_run();
    const at::AutoGradMode gradients(true);
    [[maybe_unused]] const auto current = device_scope(device_);
    const typename Base::RunGuard run_guard(*this);
    try {
      with_device_errors(device_.device(), run);
    } catch (...) {
      tell_others();
      if (!is_inner && activity_.trains) {  // else the open window is another loop's
        as_far_as_possible([&] { drop_window(); });
      }
      if (!is_inner || has_begun_) announce(ExceptionThrown{{run_}, std::current_exception()});
      throw;
    }
  }

  /// A run inside whatever else the trainer is doing, which afterwards continues where it was.
  class InnerRun {
   public:
    explicit InnerRun(Runs& trainer)
        : trainer_(trainer), run_(trainer.run_.suspend()), limits_(trainer.limits_), together_(trainer.together_) {}
    InnerRun(const InnerRun&) = delete;
    InnerRun& operator=(const InnerRun&) = delete;
    ~InnerRun() {
      trainer_.run_.resume(std::move(run_), /*is_open=*/!trainer_.activity_.is_idle());
      trainer_.limits_ = limits_;
      trainer_.together_ = together_;
    }

   private:
    Runs& trainer_;
    Run run_;
    typename Runs::Limits limits_;
    decltype(Runs::together_) together_;
  };

  void begin_run(Phase phase, RunConfig config) {
    config.num_batches_per_update = phase == Phase::train ? accumulation_.num_batches_per_update() : 1;
    config.num_threads = at::get_num_threads();
    config.num_processes = processes_.world_size();
    config.process_index = processes_.rank();
    config.device = device_.device().str();
    config.precision = type_name<typename Base::PrecisionType>();
    if constexpr (Base::reduces) {
      processes_.require_agreement("run's options", agreed_part(config, optimizer_),
                                   "Give the run the same options, data and optimizer in every process.");
      this->together_ = {};
    }
    run_.begin(phase, std::move(config));
    has_begun_ = true;
    limits_.max_updates = run_.config_.max_updates.value_or(std::numeric_limits<std::int64_t>::max());
    limits_.first_look = limits_.max_updates;
    if (run_.config_.max_time) {
      limits_.first_look = std::min(limits_.max_updates, std::int64_t{1});
      limits_.began = std::chrono::steady_clock::now();
    }
  }

  /// The batches of an epoch over a range, as far as the range or a limit, the run's or a callback's, tell.
  template <class Batches>
  [[nodiscard, gnu::noinline]] std::optional<std::int64_t> length_of(Batches& batches, Phase phase,
                                                                     std::optional<std::int64_t> limit = {}) const {
    return limited(limited(batch_count(batches), callbacks_.batch_limit(phase)), limit);
  }

  /// True when the batch at hand is known to be the last of its epoch.
  [[nodiscard]] bool is_last_batch() const { return run_.num_batches_ && run_.batch_ + 1 == *run_.num_batches_; }
  /// True when no batch of the epoch is left. A range without length says so itself.
  [[nodiscard]] bool is_epoch_over() const { return run_.num_batches_ && run_.batch_ >= *run_.num_batches_; }
  [[nodiscard]] bool is_over() const { return run_.stop_requested() || run_.num_updates_ >= limits_.max_updates; }
  /// The same once no batch is left that was computed and not learned from.
  [[nodiscard]] bool is_over_now() const { return window_.empty() && is_over(); }
  /// The same, and when the run's time is up: a stop is requested then. Without a limit of time, no clock is read.
  [[nodiscard]] bool ends_here() {
    return window_.empty() && (run_.stop_requested() || (run_.num_updates_ >= limits_.first_look && is_at_limit()));
  }

  /// Notes how many samples the coming step has in all processes, where the loader knows.
  template <class Batches>
  void count_samples(const Batches& batches) {
    if constexpr (Base::reduces && KnowsItsCut<Batches>) {
      const auto& place = this->epoch_place_;
      this->together_.samples_in_step =
          place.samples_after(batches, run_.batch_ + 1) - place.samples_after(batches, run_.batch_);
    }
  }

  void require_batches() const {
    if (run_.batch_ > 0) return;
    throw DataError(
        sentence("The loader gave no batch in epoch {} ({}). Give it data; a range that can be walked "
                 "through only once lasts for one epoch.",
                 {run_.epoch(), to_string(run_.phase_)}));
  }

  void announce_stop() {
    this->agree_on_stop();
    if (run_.stop_requested()) {
      run_.history_.set_stop_reason(run_.reason_);
      announce(StopTraining{{run_}});
    } else if (run_.num_updates_ >= limits_.max_updates && limits_.max_updates < planned_updates()) {
      run_.history_.set_stop_reason(sentence("Reached max_updates = {}", {limits_.max_updates}));
    }
  }

  /// Records the reason of a stop that was requested while the end of the run was announced.
  void record_late_stop() {
    this->agree_on_stop();
    if (run_.stop_requested() && !run_.history_.stop_reason()) run_.history_.set_stop_reason(run_.reason_);
  }

  /// The exception at hand ends the group: nobody is to wait for this process.
  void tell_others() {
    if constexpr (Base::reduces) {
      try {
        throw;
      } catch (const std::exception& error) {
        processes_.fail(error.what());
      } catch (...) {
        processes_.fail("It threw something that is no std::exception.");
      }
    }
  }

 private:
  [[nodiscard, gnu::noinline]] bool is_at_limit() {
    if (run_.num_updates_ >= limits_.max_updates) return true;
    const auto max_time = *run_.config_.max_time;
    if (std::chrono::steady_clock::now() - limits_.began >= max_time) {
      run_.request_stop(sentence("Reached max_time = {} s", {max_time.count()}));
    }
    return run_.stop_requested();
  }

  /// The updates that the epochs alone would make.
  [[nodiscard]] std::int64_t planned_updates() const {
    const auto& config = run_.config_;
    const bool is_known = config.num_updates_per_epoch && config.num_epochs != RunConfig::unlimited_epochs;
    return is_known ? *config.num_updates_per_epoch * config.num_epochs : std::numeric_limits<std::int64_t>::max();
  }

  bool has_begun_ = false;  ///< The innermost run has passed `begin_run`.
};

}  // namespace hone
