// SPDX-License-Identifier: Apache-2.0
/// Evaluation: the run of `Trainer::evaluate`, and evaluations inside a training run.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>

#include "hone/core/format_message.hpp"
#include "hone/data/loader.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/guards.hpp"
#include "hone/step/host_step.hpp"
#include "hone/step/losses_tracker.hpp"
#include "hone/step/step.hpp"
#include "hone/trainer/environment.hpp"
#include "hone/trainer/loaders.hpp"
#include "hone/trainer/run_options.hpp"
#include "hone/trainer/run_scope.hpp"
#include "hone/trainer/trainer_state.hpp"

namespace hone::detail {

/// A set of callbacks that handles no event.
struct NoCallbacks {
  template <class>
  static constexpr bool forwards = false;
};

/// Computes loss and outputs of a batch, by the override `eval_batch_loss` if there is one, else by `forward_pass`.
template <class Trainer, class Batch>
auto eval_pass(Trainer& trainer, Batch& batch) {
  static_assert(is_callable_override<overrides::eval_batch_loss, Trainer, Batch>);
  if constexpr (is_overridden<overrides::eval_batch_loss, Trainer, Batch>) {
    auto& parts = internals(trainer).parts;
    [[maybe_unused]] const auto region = parts.precision.region(parts.device.device());
    return call_override<overrides::eval_batch_loss>(trainer, batch);
  } else {
    return forward_pass(trainer, batch);
  }
}

/// Evaluates at most `num_batches` batches of `batches`. Records the mean loss as `metric`, unless `metric` is empty.
/// Returns false, and records nothing, if a stop ends the evaluation before its last batch. Collective.
template <class Trainer, class Batches, class Callbacks>
bool run_eval_epoch(Trainer& trainer, Batches& batches, Phase phase, std::optional<std::int64_t> num_batches,
                    std::string_view metric, Callbacks& callbacks) {
  using T = TraitsOf<Trainer>;
  auto& self = internals(trainer);
  auto& run = self.run;
  const FlagGuard activity(self.activity.evaluates);
  const ModeGuard loss_mode(self.parts.loss);
  const at::NoGradGuard no_gradients;
  if constexpr (T::reduces) self.parts.processes.broadcast_buffers();
  run.begin_epoch(phase, num_batches);
  set_training(self.parts.loss, false);
  override_or<overrides::eval_epoch_start>(trainer, [&] { trainer.eval_epoch_start(); });
  hone::TrackerOf<typename T::Device, typename T::Loss> eval_loss;
  dispatch_to(trainer, callbacks, EvalEpochStart{{run}});
  if (!run.stop_requested()) {
    for (auto&& arrived : self.parts.transfer.over(batches, self.parts.device)) {
      auto&& batch = on_device(trainer, arrived);
      dispatch_to(trainer, callbacks, EvalStepStart{{run}}, WithBatch{batch});
      const auto output = eval_pass(trainer, batch);
      add_loss(eval_loss, output);
      dispatch_to(trainer, callbacks, EvalStepEnd{{run}}, WithBatch{batch}, WithOutput{output});
      ++run.batch_;
      if (is_epoch_over(trainer) || run.stop_requested()) break;
    }
    require_batches(trainer);
  }
  call_if_overridden<overrides::eval_epoch_end>(trainer);
  const double mean = eval_loss.mean(self.parts.processes);
  const bool is_complete = !run.stop_requested() || is_epoch_over(trainer);
  const double loss = is_complete ? mean : std::numeric_limits<double>::quiet_NaN();
  if (is_complete && !metric.empty()) record_loss(eval_loss, run.history_, metric, loss, phase);
  dispatch_to(trainer, callbacks, EvalEpochEnd{{run}, loss, is_complete});
  sync_stop(trainer);
  return is_complete;
}
/// Evaluates with the trainer's callbacks and the number of batches in the run's configuration.
template <class Trainer, class Batches>
bool run_eval_epoch(Trainer& trainer, Batches& batches, Phase phase, std::string_view metric) {
  auto& self = internals(trainer);
  return run_eval_epoch(trainer, batches, phase, self.run.config_.num_eval_batches_per_epoch, metric,
                        self.parts.callbacks);
}

/// Evaluates inside another run, and then restores the position of that run and the modes of the model. Returns false,
/// and records nothing, if a stop takes effect before the last batch of the evaluation.
template <class Trainer, class Batches>
bool evaluate_between(Trainer& trainer, Batches& batches, Phase phase, std::string_view metric, auto& callbacks) {
  auto& self = internals(trainer);
  if (self.run.stop_requested()) return false;
  const ModeGuard mode(self.parts.model);
  const auto place = self.run.place();
  const bool is_complete =
      run_eval_epoch(trainer, batches, phase, num_batches_in(trainer, batches, phase, self.run.config_.batch_limit),
                     metric, callbacks);
  self.run.return_to(place);
  return is_complete;
}
template <class Trainer, class Batches>
bool evaluate_between(Trainer& trainer, Batches& batches, Phase phase, std::string_view metric) {
  return evaluate_between(trainer, batches, phase, metric, internals(trainer).parts.callbacks);
}

/// Evaluates the first `num_batches` batches, so that errors surface before training. Records nothing, calls no
/// callback, and restores the random generators, the modes of the model and the position of the run.
template <class Trainer, class Batches>
void run_sanity_evaluation(Trainer& trainer, Batches& batches, std::int64_t num_batches) {
  auto& self = internals(trainer);
  const ModeGuard mode(self.parts.model);
  const GeneratorGuard generators(self.parts.device.device());
  const auto place = self.run.place();
  NoCallbacks nobody;
  run_eval_epoch(trainer, batches, Phase::eval, limited(self.run.config_.num_eval_batches_per_epoch, num_batches), {},
                 nobody);
  self.run.return_to(place);
}

/// Returns the configuration of a run of `evaluate` or `predict`.
template <class Trainer, class Batches>
[[nodiscard]] RunConfig config_of(Trainer& trainer, Batches& batches, Phase phase, std::optional<std::int64_t> limit) {
  RunConfig config = evaluation_config(num_batches_in(trainer, batches, phase, limit), limit);
  config.eval_per_device_batch_size = known_batch_size(batches).value_or(0);
  return config;
}

template <class Trainer, class Batches>
void run_evaluation(Trainer& trainer, Batches& batches) {
  auto& run = internals(trainer).run;
  require_share(batches, trainer.data_shard());
  begin_run(trainer, Phase::evaluation, config_of(trainer, batches, Phase::evaluation, environment_batch_limit()));
  call_if_overridden<overrides::evaluation_run_start>(trainer);
  dispatch(trainer, EvaluationRunStart{{run}});
  sync_stop(trainer);
  if (!run.stop_requested()) run_eval_epoch(trainer, batches, Phase::evaluation, "evaluation_loss");
  dispatch_stop(trainer);
  call_if_overridden<overrides::evaluation_run_end>(trainer);
  dispatch(trainer, EvaluationRunEnd{{run}});
  record_late_stop(trainer);
}

/// See `Trainer::evaluate_batch`.
template <class Trainer, class Batch>
auto evaluate_batch(Trainer& trainer, Batch& arrived) {
  auto& parts = internals(trainer).parts;
  const ModeGuard mode(parts.model);
  const ModeGuard loss_mode(parts.loss);
  const at::NoGradGuard no_gradients;
  const ThreadGuard threads(step_threads(trainer, arrived));
  [[maybe_unused]] const auto denormals = parts.denormals.over_step();
  [[maybe_unused]] const auto precision = parts.precision_scope();
  return with_device(trainer, [&] {
    set_training(parts.model, false);
    set_training(parts.loss, false);
    auto&& batch = on_device(trainer, arrived);
    return eval_pass(trainer, batch);
  });
}

/// See `Trainer::evaluate`.
template <class Trainer, class Dataset>
RunHistory evaluate(Trainer& trainer, Dataset& dataset, const EvaluateOptions& options) {
  auto& self = internals(trainer);
  if (self.activity.evaluates) {
    refuse_call("evaluate", self.activity, "Call it when the evaluation is over, such as in on_train_epoch_end.");
  }
  const int num_threads = threads_for(trainer, options.num_threads, dataset, options.batch_size());
  const InnerRun inner(trainer);
  const auto mark = self.run.history_.revision();
  {
    RunScope scope(trainer, self.activity.evaluates, num_threads);
    try {
      decltype(auto) batches = eval_loader(trainer, dataset, options.batch_size());
      run_evaluation(trainer, batches);
    } catch (...) {
      scope.fail();
    }
  }
  return self.run.history_.since(mark);
}

}  // namespace hone::detail
