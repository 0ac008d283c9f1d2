// SPDX-License-Identifier: Apache-2.0
/// The training loop. `run_training`, at the end of this file, is the loop over epochs: `run_train_epoch` calls
/// `train_step` (`step/step.hpp`) for each batch, and `finish_epoch` evaluates.
#pragma once

#include <algorithm>  // the concepts of ranges; <ranges> would add its views to the compile time of every file
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/data/epoch_scope.hpp"
#include "hone/data/loader.hpp"
#include "hone/state/resume.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/lockstep.hpp"
#include "hone/step/step.hpp"
#include "hone/trainer/environment.hpp"
#include "hone/trainer/evaluate.hpp"
#include "hone/trainer/loaders.hpp"
#include "hone/trainer/run_options.hpp"
#include "hone/trainer/run_scope.hpp"
#include "hone/trainer/run_setup.hpp"

namespace hone::detail {

// ---------------------------------- the stages of a training run, shared by `Trainer::train` and `TrainingRun`

/// Moves to the position of a resumed run, starts the schedule and dispatches `TrainingRunStart`.
template <class Trainer>
void start_training_run(Trainer& trainer) {
  auto& self = internals(trainer);
  const RunConfig& config = self.run.config();
  restore_position(trainer);
  drop_window(trainer);
  if (config.num_epochs > 0) {
    if (config.num_train_batches_per_epoch.value_or(1) == 0) {
      throw DataError("The training data is a range of 0 batches. Pass at least one batch.");
    }
    if (!self.resume.is_pending()) require_schedule_left(trainer, run_length(config));
    start_schedule(trainer, run_length(config));
  }
  call_if_overridden<overrides::training_run_start>(trainer);
  dispatch(trainer, TrainingRunStart{{self.run}});
}

template <class Trainer>
void begin_train_epoch(Trainer& trainer) {
  auto& self = internals(trainer);
  self.run.begin_epoch(Phase::train, self.run.config().num_train_batches_per_epoch);
  override_or<overrides::train_epoch_start>(trainer, [&] { trainer.train_epoch_start(); });
  self.step.train_loss.reset();
  dispatch(trainer, TrainEpochStart{{self.run}});
  warn_of_untrained(trainer);
}

/// Ends the batches of an epoch. After a stop, dispatches a resume point; else keeps the state before the evaluations.
template <class Trainer, class... Batches>
void end_batches(Trainer& trainer, bool is_evaluated, const Batches&... batches) {
  auto& run = internals(trainer).run;
  run.is_cut_short_ = run.stop_requested() && !is_epoch_over(trainer);
  if (run.is_cut_short_) {
    dispatch_end_mid_epoch(trainer, batches...);
  } else if (is_evaluated) {
    keep_state_before_evaluation(trainer, batches...);
  }
}

template <class Trainer>
void end_train_epoch(Trainer& trainer) {
  auto& self = internals(trainer);
  call_if_overridden<overrides::train_epoch_end>(trainer);
  const double loss = self.step.train_loss.mean(self.parts.processes);
  if (self.run.batch_ > 0) {
    record_loss(self.step.train_loss, self.run.history_, "train_loss_epoch", loss, Phase::train);
  }
  dispatch(trainer, TrainEpochEnd{{self.run}, loss});
  sync_stop(trainer);
}

/// Finishes an epoch after its last batch: evaluates if due, dispatches `TrainingRunEpochEnd`, and counts the epoch.
/// `EvalBatches` is `std::nullptr_t` in a run that does not evaluate.
template <class Trainer, class EvalBatches>
void finish_epoch(Trainer& trainer, [[maybe_unused]] EvalBatches* eval_batches) {
  constexpr bool evaluates = !std::is_same_v<EvalBatches, std::nullptr_t>;
  auto& self = internals(trainer);
  auto& run = self.run;
  const auto place = run.place();
  bool is_evaluated = !has_unfinished_evaluations(trainer);
  if constexpr (evaluates) {
    if (run.config().evaluates_after(run.epoch())) {
      is_evaluated &= !run.stop_requested() && run_eval_epoch(trainer, *eval_batches, Phase::eval, "eval_loss_epoch");
    }
  }
  call_if_overridden<overrides::training_run_epoch_end>(trainer);
  [[maybe_unused]] const bool was_stopped = run.stop_requested();
  const auto evaluate = [&]([[maybe_unused]] std::string_view metric, [[maybe_unused]] auto&... callbacks) {
    if constexpr (evaluates) {
      const bool is_skipped = run.stop_requested() && !was_stopped;  // a handler of this event has requested the stop
      is_evaluated &= evaluate_between(trainer, *eval_batches, Phase::eval, metric, callbacks...) || is_skipped;
    }
  };
  dispatch(trainer, TrainingRunEpochEnd{{run}}, WithEvaluation{evaluate});
  sync_stop(trainer);
  if (!is_evaluated && !run.is_cut_short_) {
    run.return_to(place);
    run.is_cut_short_ = true;
    dispatch_resume_point_before_evaluation(trainer);
  }
  const bool is_cut_short = run.is_cut_short_;
  run.end_epoch();
  if (!is_cut_short) {
    dispatch_resume_point(trainer, run.num_epochs() >= run.config().num_epochs || ends_here(trainer));
  }
  self.resume.unfinished = {};
}

template <class Trainer>
void end_training_run(Trainer& trainer) {
  dispatch_stop(trainer);
  call_if_overridden<overrides::training_run_end>(trainer);
  dispatch(trainer, TrainingRunEnd{{internals(trainer).run}});
  record_late_stop(trainer);
}

/// Evaluates within an epoch. If a stop ends the evaluation early, a resumed run repeats it, unless it is for
/// `callbacks` other than the trainer's, which no longer exist then.
template <class Trainer, class Batches>
void evaluate_within_epoch(Trainer& trainer, Batches& batches, std::string_view metric, auto&... callbacks) {
  const auto run = [&] { return evaluate_between(trainer, batches, Phase::intermediate_eval, metric, callbacks...); };
  if constexpr (sizeof...(callbacks) == 0) {
    evaluate_after_batch(trainer, metric, run);
  } else {
    run();
  }
}

/// Repeats the evaluations that a stop ended early before the run was resumed, with the index of their batch.
template <class Trainer, class Evaluate>
void finish_evaluations(Trainer& trainer, const Evaluate& evaluation) {
  auto& self = internals(trainer);
  if (!has_unfinished_evaluations(trainer)) return;
  --self.run.batch_;
  for (const auto& metric : std::exchange(self.resume.unfinished.after_batch, {})) evaluation.evaluate(metric);
  ++self.run.batch_;
}

// ------------------------------------------------------------------------------------------------ `Trainer::train`

/// The function `event.evaluate` within an epoch of `train`. `batches` is null in a run that does not evaluate.
template <class Trainer, class Batches>
struct EvaluateWithinEpoch {
  Trainer& trainer;
  Batches* batches;
  bool is_being_iterated = false;  ///< Training iterates over the same range, which is single-pass.

  template <class TrainBatches>
  EvaluateWithinEpoch(Trainer& for_trainer, const TrainBatches& train_batches, Batches* eval_batches)
      : trainer(for_trainer), batches(eval_batches) {
    if constexpr (!std::ranges::forward_range<TrainBatches> && !std::is_same_v<Batches, std::nullptr_t>) {
      is_being_iterated = are_same_batches(train_batches, *batches);
    }
  }

  void operator()([[maybe_unused]] std::string_view metric, [[maybe_unused]] auto&... callbacks) const {
    if constexpr (!std::is_same_v<Batches, std::nullptr_t>) {
      if (is_being_iterated) {
        throw DataError(
            "The run trains and evaluates on the same loader, which cannot be iterated again in the middle of an "
            "epoch. Pass another loader for the evaluation.");
      }
      evaluate_within_epoch(trainer, *batches, metric, callbacks...);
    }
  }
};

/// Trains for one epoch, or for the rest of a resumed one. `is_evaluated`: an evaluation may follow the epoch.
template <class Trainer, class Batches, class Evaluate>
void run_train_epoch(Trainer& trainer, Batches& batches, const Evaluate& evaluation, bool is_evaluated) {
  auto& self = internals(trainer);
  auto& run = self.run;
  begin_train_epoch(trainer);
  const std::int64_t epoch = run.config().overfit_batches > 0 ? 0 : run.epoch() - 1;
  const EpochScope scope(epoch);
  set_epoch(batches, epoch);  // selects the order of a shuffled loader
  keep_epoch_generator(trainer);
  if (self.resume.is_pending()) {  // the run resumes within this epoch
    restore(trainer);
    sync_stop(trainer);
    run.num_batches_ = batches_with_rest_of(trainer, batches, run.num_batches_);
    finish_evaluations(trainer, evaluation);
  }
  if (!is_over_now(trainer)) {
    if (!is_epoch_over(trainer)) {
      auto rest = rest_of(trainer, batches);
      auto&& arriving = self.parts.transfer.over(rest, self.parts.device);
      for (auto&& batch : lockstep(arriving, self.parts.processes, run.num_batches_.has_value())) {
        count_samples(trainer, batches);
        train_step(trainer, batch, is_last_batch(trainer), evaluation);  // forward, loss, backward, update
        const bool is_last = ends_here(trainer);
        dispatch_resume_point(trainer, is_last, batches);
        if (is_last || is_epoch_over(trainer) || is_over_now(trainer)) break;
      }
    }
    trainer.finish_window();  // the update of an incomplete accumulation window
    require_batches(trainer);
  }
  end_batches(trainer, is_evaluated, batches);
  end_train_epoch(trainer);
}

/// Runs `Trainer::train` with the loaders. `EvalBatches` is `std::nullptr_t` in a run that does not evaluate.
template <class Trainer, class TrainBatches, class EvalBatches>
void run_training(Trainer& trainer, const TrainOptions& options, TrainBatches& train_batches,
                  EvalBatches* eval_batches) {
  constexpr bool evaluates = !std::is_same_v<EvalBatches, std::nullptr_t>;
  auto& self = internals(trainer);
  auto& run = self.run;
  require_share(train_batches, trainer.data_shard());
  if constexpr (evaluates) require_share(*eval_batches, trainer.data_shard());
  if (options.reset_run_history && !self.resume.is_pending()) run.history_.reset();
  const auto limit = batch_limit(options, environment_batch_limit());
  std::optional<std::int64_t> num_eval_batches;
  if constexpr (evaluates) num_eval_batches = num_batches_in(trainer, *eval_batches, Phase::eval, limit);
  RunConfig config = training_config(options, num_batches_in(trainer, train_batches, Phase::train, limit),
                                     num_eval_batches, self.parts.accumulation.num_batches_per_update(), limit);
  config.train_per_device_batch_size = known_batch_size(train_batches).value_or(0);
  config.has_evaluation = evaluates;
  if constexpr (evaluates) config.eval_per_device_batch_size = known_batch_size(*eval_batches).value_or(0);
  begin_run(trainer, Phase::train, std::move(config));
  start_training_run(trainer);
  if constexpr (evaluates) {
    if (options.num_sanity_eval_batches > 0) {
      run_sanity_evaluation(trainer, *eval_batches, options.num_sanity_eval_batches);
    }
  }
  if (self.resume.is_pending() && !resumes_in_epoch(trainer)) restore(trainer);  // between epochs
  sync_stop(trainer);
  const EvaluateWithinEpoch evaluate(trainer, train_batches, eval_batches);
  const WithEvaluation evaluation{evaluate};
  while (run.num_epochs() < run.config().num_epochs && (self.resume.is_pending() || !is_over(trainer))) {
    run_train_epoch(trainer, train_batches, evaluation, evaluates);
    finish_epoch(trainer, eval_batches);
  }
  if (self.resume.is_pending()) restore(trainer);  // no epoch was left to train
  end_training_run(trainer);
}

}  // namespace hone::detail
