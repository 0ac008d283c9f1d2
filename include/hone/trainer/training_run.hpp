// SPDX-License-Identifier: Apache-2.0
/// A training run whose loop is in the host program: a simulation, a reinforcement learning environment, a service.
#pragma once

#include <ATen/Context.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/run_config.hpp"
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
/// stack unwinding, by `on_exception`. A run can be moved, also while it is open; a move assignment first ends the run
/// that it replaces, like the destructor. A run refers to evaluation data that is an lvalue, and owns a moved rvalue. The
/// trainer, which must not be moved, and an lvalue must outlive the run.
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
template <class Trainer, class EvalSet>
class TrainingRun {
  using EvalDataset = std::remove_reference_t<EvalSet>;
  static constexpr bool evaluates = !std::is_null_pointer_v<std::remove_cv_t<EvalDataset>>;

 public:
  /// `eval_set` is `nullptr` for a run without evaluations; its type is a reference if it is an lvalue.
  /// `resume(trainer)` sets the training state that the run resumes from, if any.
  template <class Resume>
  TrainingRun(Trainer& trainer, EvalSet&& eval_set, const RunOptions& options, Resume resume)
      : trainer_(&trainer), open_(new Open(trainer, std::forward<EvalSet>(eval_set), options)) {
    options.check();
    try {
      in_settings([&] { start(resume); });
    } catch (...) {
      detail::dispatch(trainer, ExceptionThrown{{run()}, std::current_exception()});
      throw;
    }
  }
  TrainingRun(TrainingRun&&) noexcept = default;
  TrainingRun& operator=(TrainingRun&& other) noexcept {
    if (this == &other) return *this;
    leave();
    trainer_ = other.trainer_;
    open_ = std::move(other.open_);
    return *this;
  }
  ~TrainingRun() { leave(); }

  /// Trains on one batch, as `Trainer::step`. Returns the result of the loss step.
  template <class Batch>
  auto step(Batch&& batch) {
    if (is_over()) refuse_step();
    try {
      auto& trainer = *trainer_;
      if (!open_->has_epoch) in_settings([&] { open_epoch(); });
      const auto evaluate = evaluation_within_epoch();
      auto output = detail::host_step(
          trainer, batch,
          [&] { return detail::train_step(trainer, batch, detail::is_last_batch(trainer), WithEvaluation{evaluate}); },
          open_->options.num_threads);
      detail::dispatch_resume_point(trainer, detail::ends_here(trainer));
      if (detail::is_epoch_over(trainer)) end_epoch();
      return output;
    } catch (...) {
      note_failure();
      throw;
    }
  }

  /// True if a limit is reached or a stop takes effect. `step` then throws.
  [[nodiscard]] bool is_over() const {
    return !open_ || detail::is_over_now(*trainer_) || run().num_epochs() >= run().config().num_epochs;
  }

  /// Ends an epoch: does the update of an incomplete accumulation window, records the mean loss and, with evaluation
  /// data, evaluates if due. A no-op without a step since the last epoch.
  void end_epoch() {
    if (!open_ || !open_->has_epoch) return;
    try {
      auto& trainer = *trainer_;
      in_settings([&] {
        trainer.finish_window();
        detail::end_batches(trainer, evaluates);
        detail::end_train_epoch(trainer);
        open_->has_epoch = false;
        if constexpr (evaluates) {
          with_eval_batches([&](auto& batches) { detail::finish_epoch(trainer, &batches); });
        } else {
          detail::finish_epoch(trainer, static_cast<std::nullptr_t*>(nullptr));
        }
      });
    } catch (...) {
      note_failure();
      throw;
    }
  }

  /// Returns the mean loss over the samples of the epoch so far.
  [[nodiscard]] double mean_loss() const { return trainer_->mean_loss(); }
  [[nodiscard]] Run& run() { return trainer_->run(); }
  [[nodiscard]] const Run& run() const { return std::as_const(*trainer_).run(); }

  /// Ends the open epoch and the run. Returns the history.
  RunHistory end() {
    if (!open_) {
      throw std::logic_error("`end` was called on a training run that has ended or was moved. Call it once.");
    }
    end_epoch();
    try {
      in_settings([&] { detail::end_training_run(*trainer_); });
    } catch (...) {
      note_failure();
      throw;
    }
    open_.reset();
    return run().history();
  }

 private:
  /// An open run. Its destructor restores the trainer's modes.
  struct Open {
    Open(Trainer& trainer, EvalSet&& eval_set_, const RunOptions& options_)
        : eval_set(std::forward<EvalSet>(eval_set_)),
          options(options_),
          open_run(trainer),
          activity(claim(trainer)),
          model_mode(detail::internals(trainer).parts.model),
          loss_mode(detail::internals(trainer).parts.loss) {}

    EvalSet eval_set;
    RunOptions options;
    detail::OpenRun<Trainer> open_run;
    FlagGuard activity;
    ModeGuard<typename Trainer::Traits::Model> model_mode;
    ModeGuard<typename Trainer::Traits::Loss> loss_mode;
    int exceptions = std::uncaught_exceptions();
    std::exception_ptr failure;
    bool has_epoch = false;
  };

  static bool& claim(Trainer& trainer) {
    auto& activity = detail::internals(trainer).activity;
    if (!activity.is_idle()) {
      refuse_call("begin_run", activity, "Call it when that is over, or use another trainer.");
    }
    return activity.trains;
  }
  [[nodiscard]] auto& state() const { return detail::internals(*trainer_); }

  void start(auto& resume) {
    const auto options = open_->options.common();
    auto& trainer = *trainer_;
    auto& self = state();
    detail::require_trainable(trainer);
    if constexpr (evaluates) {
      detail::refuse_options_of_eval_loader<Trainer, EvalDataset>(open_->options);
    } else {
      detail::refuse_options_of_evaluation(open_->options);
    }
    if (options.seed) at::manual_seed(detail::seed_of_rank(trainer, *options.seed));
    self.resume.loader_seed = options.seed.value_or(0);
    resume(trainer);
    if (options.reset_run_history && !self.resume.is_pending()) run().history().reset();
    const auto limit = environment_batch_limit();
    const auto train_batches =
        limited(limited(open_->options.num_batches_per_epoch, self.parts.callbacks.batch_limit(Phase::train)), limit);
    std::optional<std::int64_t> eval_batches, eval_batch_size;
    with_eval_batches([&](auto& batches) {
      eval_batches = detail::num_batches_in(trainer, batches, Phase::eval, limit);
      eval_batch_size = known_batch_size(batches);
    });
    auto config =
        training_config(options, train_batches, eval_batches, self.parts.accumulation.num_batches_per_update(), limit);
    config.eval_per_device_batch_size = eval_batch_size.value_or(0);
    config.has_evaluation = evaluates;
    detail::begin_run(trainer, Phase::train, std::move(config));
    detail::start_training_run(trainer);
    if (detail::resumes_in_epoch(trainer)) open_epoch();
    if (self.resume.is_pending()) detail::restore(trainer);
    detail::sync_stop(trainer);
    if (detail::is_epoch_over(trainer)) end_epoch();  // the state was saved after the last batch of an epoch
  }

  void open_epoch() {
    auto& trainer = *trainer_;
    detail::begin_train_epoch(trainer);
    open_->has_epoch = true;
    detail::keep_epoch_generator(trainer);
    if (!state().resume.is_pending()) return;
    detail::restore(trainer);
    const auto evaluate = evaluation_within_epoch();
    detail::finish_evaluations(trainer, WithEvaluation{evaluate});
  }

  auto evaluation_within_epoch() {
    return [this](std::string_view metric, auto&... listeners) {
      with_eval_batches(
          [&](auto& batches) { detail::evaluate_within_epoch(*trainer_, batches, metric, listeners...); });
    };
  }

  /// Calls `f` with the evaluation batches. A no-op without evaluation data.
  template <class F>
  void with_eval_batches([[maybe_unused]] F&& f) {
    if constexpr (evaluates) {
      decltype(auto) batches =
          detail::eval_loader(*trainer_, open_->eval_set,
                              open_->options.eval_per_device_batch_size.value_or(EvaluateOptions().batch_size()));
      f(batches);
    }
  }

  template <class F>
  void in_settings(F&& f) {
    detail::in_settings(*trainer_, open_->options.num_threads, std::forward<F>(f));
  }

  [[noreturn]] void refuse_step() const {
    const auto& run = this->run();
    std::string reason = !open_                       ? "`end` was called, or the run was moved."
                         : !run.stop_reason().empty() ? std::string(run.stop_reason()) + "."
                                                      : "It reached num_epochs or max_updates.";
    throw std::logic_error(format_message(
        "`step` was called on a training run that is over. {} Check is_over() before each step.", {reason}));
  }

  /// Ends an open run, as documented for the destructor.
  void leave() noexcept {
    if (!open_) return;
    if (std::uncaught_exceptions() > open_->exceptions) return fail();
    try {
      end();
    } catch (const std::exception& error) {
      detail::put(stderr,
                  format_message("A training run failed to end: {} Call end() to handle the error.\n", {error.what()}));
    }
    open_.reset();
  }
  void note_failure() {
    if (open_) open_->failure = std::current_exception();
    detail::fail_group(*trainer_);
  }
  void fail() {
    auto& failure = open_->failure;
    if (!failure) {
      failure = std::make_exception_ptr(std::runtime_error("An exception in the calling code ended the run."));
      try {
        std::rethrow_exception(failure);
      } catch (...) {
        detail::fail_group(*trainer_);
      }
    }
    as_far_as_possible([&] { detail::drop_window(*trainer_); });
    as_far_as_possible([&] { detail::dispatch(*trainer_, ExceptionThrown{{run()}, failure}); });
    open_.reset();
  }

  Trainer* trainer_;
  std::unique_ptr<Open> open_;  ///< Null after the end of the run, and after a move.
};

}  // namespace hone
