// SPDX-License-Identifier: Apache-2.0
/// One training step: forward, loss, backward and, when the accumulation window is complete, the update. `train_step`
/// calls `learn`, which calls `forward_pass`, `backward_share` and `update`, with the events between them.
#pragma once

#include <cstdint>
#include <type_traits>

#include "hone/callbacks/events.hpp"
#include "hone/step/captured_step.hpp"
#include "hone/step/device_step.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/objectives.hpp"
#include "hone/step/out_of_memory.hpp"
#include "hone/step/step_state.hpp"
#include "hone/step/tensor_format.hpp"
#include "hone/step/update.hpp"

namespace hone::detail {

/// Returns the batch on the trainer's device, in the formats of the memory format and precision policies. Does not copy
/// tensors that are so already.
template <class Trainer, class Batch>
decltype(auto) on_device(Trainer& trainer, Batch& arrived) {
  using T = TraitsOf<Trainer>;
  auto& device = internals(trainer).parts.device;
  if constexpr (arranges<typename T::MemoryFormat, typename T::Precision>) {
    return arranged_batch<typename T::MemoryFormat, typename T::Precision>(device.move(arrived));
  } else {
    return device.move(arrived);
  }
}

/// Runs forward, loss and backward of each part of a batch in turn (`MicroBatches`).
template <class Trainer, class Batch>
auto split_pass(Trainer& trainer, Batch& batch) {
  auto& self = internals(trainer);
  auto& parts = self.parts;
  const auto forward = [&](auto& part) { return forward_pass(trainer, part); };
  Window ahead;
  double share = 1.0;
  const std::int64_t num_batches = batches_per_update(self);
  const auto backward = [&](const auto& output, double fraction, bool is_first) {
    const double weight = weight_of(output);
    if (is_first) {
      ahead = self.step.window;
      share = ahead.add(weight, num_batches);
    } else if constexpr (requires { output.num_items; }) {
      share = ahead.add_to_last(weight, num_batches);
    }
    if constexpr (requires { output.num_items; }) fraction = 1.0;  // the items already weight the part
    backward_share(trainer, output.loss, share * fraction);
  };
  const auto& parameters = parts.optimizer.parameters();
  auto output = parts.splitting.learn(batch, forward, backward,
                                      BatchSurroundings{.device = parts.device.device(),
                                                        .parameters = parameters,
                                                        .buffers = parts.trained_modules().buffers(),
                                                        .is_out_of_memory = &is_out_of_memory,
                                                        .release_cached_memory = &release_cached_memory});
  self.step.window = ahead;
  return output;
}

/// Runs backward and, if `updates`, the update. The backward pass of a split batch was in `split_pass`.
template <class Trainer, class Output>
void learn_from(Trainer& trainer, const Output& output, bool updates) {
  using T = TraitsOf<Trainer>;
  auto& self = internals(trainer);
  auto& parts = self.parts;
  Window& window = self.step.window;
  if constexpr (T::reduces) {  // the all-reduce of stop requests overlaps with backward
    const double share = window.add(self.sync.weight(parts.processes, output), batches_per_update(self), 1.0);
    if (updates) self.sync.begin(parts.processes, self.run, window.total());
    parts.processes.backward(output.loss, updates,
                             [&](const at::Tensor& loss) { backward_share(trainer, loss, share); });
    if constexpr (ComputesGradients<typename T::Model>) {  // without autograd, so no hook has reduced them
      if (updates) parts.processes.average_gradients();
    }
    if (updates) synced_update(trainer);
  } else {
    if constexpr (!T::splits) {
      backward_share(trainer, output.loss,
                     T::accumulates ? window.add(weight_of(output), batches_per_update(self)) : 1.0);
    }
    if (updates) update(trainer);
  }
}

/// Runs the step of a batch that is on the device. Dispatches `TrainLoss` before backward (after it, if the batch is
/// split); a callback may then request a stop that drops the open accumulation window.
template <class Trainer, class Batch>
auto learn(Trainer& trainer, Batch& batch, bool updates) {
  using T = TraitsOf<Trainer>;
  auto& self = internals(trainer);
  const auto finish = [&](const auto& output) {
    dispatch(trainer, TrainLoss{{self.run}}, WithBatch{batch}, WithOutput{output});
    if (self.run.stops_before_update()) [[unlikely]]
      return drop_window(trainer);
    self.step.train_loss.add(output.loss, items_in(output));
    learn_from(trainer, output, updates);
  };
  if constexpr (T::reduces) self.parts.processes.before_forward(updates);
  if constexpr (T::splits) {
    auto output = split_pass(trainer, batch);
    finish(output);
    return output;
  } else {
    auto output = forward_pass(trainer, batch);
    finish(output);
    return output;
  }
}

/// Trains on one batch and returns the result of the loss step. `is_last`: this is the last batch of the epoch.
/// `facets` extend the event `TrainStepEnd`.
template <class Trainer, class Batch, class... Facets>
auto train_step(Trainer& trainer, Batch& arrived, bool is_last, const Facets&... facets) {
  using T = TraitsOf<Trainer>;
  auto& self = internals(trainer);
  const auto finish = [&](auto& batch, const auto& output) {
    if constexpr (DetectsDivergence<typename T::Precision>) {
      if (self.parts.precision.has_diverged()) [[unlikely]]
        self.run.request_stop(self.parts.precision.reason());
    }
    dispatch(trainer, TrainStepEnd{{self.run}}, WithBatch{batch}, WithOutput{output}, facets...);
    ++self.run.batch_;
  };
  auto&& batch = on_device(trainer, arrived);
  dispatch(trainer, TrainStepStart{{self.run}}, WithBatch{batch});
  const bool updates = update_follows(trainer, is_last);
  if constexpr (T::captures) {  // as a CUDA graph
    auto output = replay_step(trainer, batch, updates);
    finish(batch, output);
    return output;
  } else if constexpr (T::has_objectives) {  // several losses, each with its optimizer
    auto output = Objectives::learn(trainer, batch, updates);
    finish(batch, output);
    return output;
  } else if constexpr (std::is_same_v<typename T::Execution, Eager>) {  // the default
    auto output = learn(trainer, batch, updates);
    finish(batch, output);
    return output;
  } else {
    auto output = self.parts.execution.run([&](auto& input) { return learn(trainer, input, updates); }, batch);
    finish(batch, output);
    return output;
  }
}

/// Does the update of an incomplete accumulation window, with the mean over its batches. A no-op if it is empty.
template <class Trainer>
void finish_window(Trainer& trainer) {
  using T = TraitsOf<Trainer>;
  auto& self = internals(trainer);
  if (self.step.window.empty()) return;
  if constexpr (T::has_objectives) {
    Objectives::finish_window(trainer);
  } else if constexpr (T::reduces) {
    self.parts.processes.average_gradients();
    self.sync.begin(self.parts.processes, self.run, self.step.window.total());
    synced_update(trainer);
  } else {
    update(trainer);
  }
}

}  // namespace hone::detail
