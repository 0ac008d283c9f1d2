// SPDX-License-Identifier: Apache-2.0
/// Prediction: the model's outputs for a dataset.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/loader.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/host_step.hpp"
#include "hone/step/step.hpp"
#include "hone/trainer/evaluate.hpp"
#include "hone/trainer/loaders.hpp"
#include "hone/trainer/predictions.hpp"
#include "hone/trainer/run_scope.hpp"

namespace hone::detail {

/// Computes the model's outputs for a batch, with the override `predict_batch` if there is one.
template <class Trainer, class Batch>
auto predict_pass(Trainer& trainer, Batch& batch) {
  static_assert(is_callable_override<overrides::predict_batch, Trainer, Batch>);
  if constexpr (is_overridden<overrides::predict_batch, Trainer, Batch>) {
    auto& parts = internals(trainer).parts;
    [[maybe_unused]] const auto region = parts.precision.region(parts.device.device());
    return call_override<overrides::predict_batch>(trainer, batch);
  } else {
    return trainer.predict_batch(batch);
  }
}

/// Predicts all batches and stores the outputs. Returns an error message if a stop takes effect before the last batch.
template <class Trainer, class Batches, class Outputs>
[[nodiscard]] std::optional<std::string> run_prediction(Trainer& trainer, Batches& batches, Outputs& outputs) {
  require_share(batches, trainer.data_shard());
  auto& self = internals(trainer);
  auto& run = self.run;
  const at::NoGradGuard no_gradients;
  begin_run(trainer, Phase::predict, config_of(trainer, batches, Phase::predict, {}));
  run.begin_epoch(Phase::predict, run.config_.num_eval_batches_per_epoch);
  set_training(self.parts.model, false);
  bool is_cut_short = false;
  dispatch(trainer, PredictRunStart{{run}});
  for (auto&& arrived : self.parts.transfer.over(batches, self.parts.device)) {
    if (run.stop_requested()) [[unlikely]] {
      is_cut_short = true;
      break;
    }
    auto&& batch = on_device(trainer, arrived);
    dispatch(trainer, PredictStepStart{{run}}, WithBatch{batch});
    auto& kept = outputs.add(predict_pass(trainer, batch), batch);
    dispatch(trainer, PredictStepEnd{{run}}, WithBatch{batch}, WithOutputs{kept});
    ++run.batch_;
    if (is_epoch_over(trainer)) break;
  }
  if (!is_cut_short) require_batches(trainer);
  dispatch_stop(trainer);
  dispatch(trainer, PredictRunEnd{{run}});
  record_late_stop(trainer);
  if (!is_cut_short) return std::nullopt;
  return format_message(
      "The prediction was stopped after {} batches ({}), so outputs are missing. Remove the callback that stops it, or "
      "store the outputs in on_predict_step_end.",
      {run.batch(), run.stop_reason()});
}

/// Returns the outputs of all ranks, in the order of the dataset or, for a range of batches, in rank order. Collective.
template <class Trainer, class Batches>
[[nodiscard]] at::Tensor gather_outputs(Trainer& trainer, const at::Tensor& outputs,
                                        [[maybe_unused]] Batches& batches) {
  if constexpr (!TraitsOf<Trainer>::reduces) {
    return outputs;
  } else if constexpr (requires { batches.unshard_permutation(); }) {
    return trainer.all_gather(outputs).index_select(0, batches.unshard_permutation().to(outputs.device()));
  } else {
    return trainer.all_gather(outputs);
  }
}

/// Returns the type of the outputs for a batch of `Batches`, as a `std::type_identity`.
template <class Trainer, class Batches>
auto prediction_of(Trainer& trainer, Batches& batches) {
  auto& parts = internals(trainer).parts;
  using Arrived = std::remove_reference_t<decltype(*parts.transfer.over(batches, parts.device).begin())>;
  using Moved = std::remove_reference_t<decltype(on_device(trainer, std::declval<Arrived&>()))>;
  return std::type_identity<std::remove_cvref_t<decltype(predict_pass(trainer, std::declval<Moved&>()))>>{};
}

/// See `Trainer::predict`.
template <class Trainer, class Dataset>
auto predict(Trainer& trainer, Dataset& dataset, const EvaluateOptions& options) {
  auto& self = internals(trainer);
  if (self.activity.predicts) {
    refuse_call("predict", self.activity, "Call it when the prediction is over, such as in on_eval_epoch_end.");
  }
  decltype(auto) batches = eval_loader(trainer, dataset, options.batch_size());
  using Outputs = typename decltype(prediction_of(trainer, batches))::type;
  if constexpr (std::is_void_v<Outputs>) {
    static_assert(checked_outputs<Outputs>);
    return 0;
  } else {
    Predictions<Outputs> outputs(buffers_of(self.parts.model));
    const int num_threads = threads_for(trainer, options.num_threads, dataset, options.batch_size());
    std::optional<std::string> why_cut_short;
    {
      const InnerRun inner(trainer);
      RunScope scope(trainer, self.activity.predicts, num_threads);
      try {
        why_cut_short = run_prediction(trainer, batches, outputs);
      } catch (...) {
        scope.fail();
      }
    }
    if (why_cut_short) throw StoppedError(*why_cut_short);
    return with_device(trainer, [&] {  // the concatenation doubles the memory
      auto result = std::move(outputs).take();
      if constexpr (std::is_same_v<decltype(result), at::Tensor>) {
        return gather_outputs(trainer, result, batches);
      } else {
        return result;
      }
    });
  }
}

}  // namespace hone::detail
