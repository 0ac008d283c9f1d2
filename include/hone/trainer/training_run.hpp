// SPDX-License-Identifier: Apache-2.0
/// A training run whose loop is in the host program: a simulation, a reinforcement learning environment, a service.
#pragma once

#include <ATen/Context.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/core/run_config.hpp"
#include "hone/core/sentence.hpp"
#include "hone/data/loader.hpp"
#include "hone/step/activity.hpp"
#include "hone/step/host_step.hpp"
#include "hone/step/model.hpp"
#include "hone/trainer/environment.hpp"
#include "hone/trainer/run_options.hpp"
#include "hone/trainer/run_setup.hpp"
#include "hone/trainer/train_loop.hpp"

namespace hone {

/// A training run that `Trainer::begin_run` opens. Callbacks, limits, stops, schedules, training states, signals and
/// the progress bar work as in `train`. The model is in training mode during an epoch. Each function restores the
/// host's threads, denormal flags, gradient mode and number formats. `StopOnSignal` handles signals until the run ends.
///
/// `end()` ends the run. The destructor ends an open run too: like `end()`, but prints errors to standard error; during
/// stack unwinding, by `on_exception`. The trainer and the evaluation data must outlive the run.
///
/// Like the trainer, a run is not thread-safe. With several ranks, all functions are collective except `is_over`, `run`
/// and a destructor during stack unwinding.
///
/// **Errors** `std::logic_error` from `step` when the run is over, with the reason. When a batch throws, the run stays
/// open; with one rank, the host may continue with the next batch.
/// **Example**
/// ```
/// auto run = trainer.begin_run(eval_set, {.num_batches_per_epoch = 100, .max_updates = 10'000});
/// while (!run.is_over()) run.step(simulate());
/// auto history = run.end();
/// ```
template <class Trainer, class EvalDataset>
class TrainingRun {
  static constexpr bool evaluates = !std::is_same_v<EvalDataset, std::nullptr_t>;

 public:
  /// `resume(trainer)` sets the training state that the run resumes from, if any.
  template <class Resume>
  TrainingRun(Trainer& trainer, EvalDataset* eval_dataset, const RunOptions& options, Resume resume)
      : trainer_(trainer),
        eval_dataset_(eval_dataset),
        options_(options),
        activity_(claim(trainer)),
        model_mode_(state().parts.model),
        loss_mode_(state().parts.loss),
        open_run_(trainer),
        exceptions_(std::uncaught_exceptions()) {
    options.check();
    try {
      in_settings([&] { start(resume); });
    } catch (...) {
      detail::dispatch(trainer_, ExceptionThrown{{run()}, std::current_exception()});
      throw;
    }
  }
  TrainingRun(const TrainingRun&) = delete;
  TrainingRun& operator=(const TrainingRun&) = delete;
  ~TrainingRun() {
    if (has_ended_) return;
    if (std::uncaught_exceptions() > exceptions_) {
      fail();
      return;
    }
    try {
      end();
    } catch (const std::exception& error) {
      detail::put(stderr,
                  sentence("A training run could not end in order: {} Call end() to handle this.\n", {error.what()}));
    }
  }

  /// Trains on one batch, as `Trainer::step`. Returns the result of the loss step.
  template <class Batch>
  auto step(Batch&& batch) {
    if (is_over()) refuse_step();
    try {
      if (!has_epoch_) in_settings([&] { open_epoch(); });
      const auto evaluate = evaluation_within_epoch();
      auto output = detail::host_step(
          trainer_, batch,
          [&] {
            return detail::train_step(trainer_, batch, detail::is_last_batch(trainer_), WithEvaluation{evaluate});
          },
          options_.num_threads);
      detail::dispatch_resume_point(trainer_, detail::ends_here(trainer_));
      if (detail::is_epoch_over(trainer_)) end_epoch();
      return output;
    } catch (...) {
      note_failure();
      throw;
    }
  }

  /// True if a limit is reached or a stop takes effect. `step` then throws.
  [[nodiscard]] bool is_over() const {
    return has_ended_ || detail::is_over_now(trainer_) || run().num_epochs() >= run().config().num_epochs;
  }

  /// Ends an epoch: does the update of an incomplete accumulation window, records the mean loss and, with evaluation
  /// data, evaluates if due. A no-op without a step since the last epoch.
  void end_epoch() {
    if (!has_epoch_) return;
    try {
      in_settings([&] {
        trainer_.finish_window();
        detail::end_batches(trainer_, evaluates);
        detail::end_train_epoch(trainer_);
        has_epoch_ = false;
        if constexpr (evaluates) {
          with_eval_batches([&](auto& batches) { detail::finish_epoch(trainer_, &batches); });
        } else {
          detail::finish_epoch(trainer_, static_cast<std::nullptr_t*>(nullptr));
        }
      });
    } catch (...) {
      note_failure();
      throw;
    }
  }

  /// Returns the mean loss over the samples of the epoch so far.
  [[nodiscard]] double mean_loss() const { return trainer_.mean_loss(); }
  [[nodiscard]] Run& run() { return trainer_.run(); }
  [[nodiscard]] const Run& run() const { return std::as_const(trainer_).run(); }

  /// Ends the open epoch and the run. Returns the history.
  RunHistory end() {
    if (has_ended_) throw std::logic_error("`end` was called on a training run that has ended. Call it once.");
    end_epoch();
    try {
      in_settings([&] { detail::end_training_run(trainer_); });
    } catch (...) {
      note_failure();
      throw;
    }
    close();
    return run().history();
  }

 private:
  static bool& claim(Trainer& trainer) {
    auto& activity = detail::internals(trainer).activity;
    if (!activity.is_idle()) {
      refuse_call("begin_run", activity, "Call it when that is over, or use another trainer.");
    }
    return activity.trains;
  }
  [[nodiscard]] auto& state() const { return detail::internals(trainer_); }

  void start(auto& resume) {
    const auto options = options_.common();
    auto& self = state();
    detail::require_trainable(trainer_);
    if constexpr (evaluates) {
      detail::refuse_options_of_eval_loader<Trainer, EvalDataset>(options_);
    } else {
      detail::refuse_options_of_evaluation(options_);
    }
    if (options.seed) at::manual_seed(detail::seed_of_rank(trainer_, *options.seed));
    self.resume.loader_seed = options.seed.value_or(0);
    resume(trainer_);
    if (options.reset_run_history && !self.resume.is_pending()) run().history().reset();
    const auto limit = environment_batch_limit();
    const auto train_batches =
        limited(limited(options_.num_batches_per_epoch, self.parts.callbacks.batch_limit(Phase::train)), limit);
    std::optional<std::int64_t> eval_batches, eval_batch_size;
    with_eval_batches([&](auto& batches) {
      eval_batches = detail::num_batches_in(trainer_, batches, Phase::eval, limit);
      eval_batch_size = known_batch_size(batches);
    });
    auto config =
        training_config(options, train_batches, eval_batches, self.parts.accumulation.num_batches_per_update(), limit);
    config.eval_per_device_batch_size = eval_batch_size.value_or(0);
    config.has_evaluation = evaluates;
    detail::begin_run(trainer_, Phase::train, std::move(config));
    detail::start_training_run(trainer_);
    if (detail::resumes_in_epoch(trainer_)) open_epoch();
    if (self.resume.is_pending()) detail::restore(trainer_);
    detail::sync_stop(trainer_);
    if (detail::is_epoch_over(trainer_)) end_epoch();  // the state was saved after the last batch of an epoch
  }

  void open_epoch() {
    detail::begin_train_epoch(trainer_);
    has_epoch_ = true;
    detail::keep_epoch_generator(trainer_);
    if (!state().resume.is_pending()) return;
    detail::restore(trainer_);
    const auto evaluate = evaluation_within_epoch();
    detail::finish_evaluations(trainer_, WithEvaluation{evaluate});
  }

  auto evaluation_within_epoch() {
    return [this](std::string_view metric, auto&... listeners) {
      with_eval_batches([&](auto& batches) { detail::evaluate_within_epoch(trainer_, batches, metric, listeners...); });
    };
  }

  /// Calls `f` with the evaluation batches. A no-op without evaluation data.
  template <class F>
  void with_eval_batches([[maybe_unused]] F&& f) {
    if constexpr (evaluates) {
      decltype(auto) batches = detail::eval_loader(
          trainer_, *eval_dataset_, options_.eval_per_device_batch_size.value_or(EvaluateOptions().batch_size()));
      f(batches);
    }
  }

  template <class F>
  void in_settings(F&& f) {
    detail::in_settings(trainer_, options_.num_threads, std::forward<F>(f));
  }

  [[noreturn]] void refuse_step() const {
    const auto& run = this->run();
    std::string reason = has_ended_                   ? "`end` was called."
                         : !run.stop_reason().empty() ? std::string(run.stop_reason()) + "."
                                                      : "It reached num_epochs or max_updates.";
    throw std::logic_error(
        sentence("`step` was called on a training run that is over. {} Ask is_over() before each step.", {reason}));
  }

  void note_failure() {
    failure_ = std::current_exception();
    detail::fail_group(trainer_);
  }
  void fail() {
    if (!failure_) {
      failure_ = std::make_exception_ptr(std::runtime_error("An exception of the host program ended the run."));
      try {
        std::rethrow_exception(failure_);
      } catch (...) {
        detail::fail_group(trainer_);
      }
    }
    try {
      detail::drop_window(trainer_);
      detail::dispatch(trainer_, ExceptionThrown{{run()}, failure_});
    } catch (...) {  // the first exception is the one to report
    }
    close();
  }
  void close() {
    has_ended_ = true;
    activity_.reset();
    model_mode_.reset();
    loss_mode_.reset();
    open_run_.reset();
  }

  Trainer& trainer_;
  EvalDataset* eval_dataset_;
  RunOptions options_;
  std::optional<FlagGuard> activity_;
  std::optional<ModeGuard<typename Trainer::Traits::Model>> model_mode_;
  std::optional<ModeGuard<typename Trainer::Traits::Loss>> loss_mode_;
  std::optional<detail::OpenRun<Trainer>> open_run_;
  int exceptions_;
  std::exception_ptr failure_;
  bool has_epoch_ = false;
  bool has_ended_ = false;
};

}  // namespace hone
