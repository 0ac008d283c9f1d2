// SPDX-License-Identifier: Apache-2.0
/// One training step: forward, loss, backward and, when a window of batches is complete, the update, with the events
/// around them.
#pragma once

#include <cstdint>
#include <type_traits>

#include "hone/callbacks/events.hpp"
#include "hone/step/arrangement.hpp"
#include "hone/step/captured_step.hpp"
#include "hone/step/device_step.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/objectives.hpp"
#include "hone/step/out_of_memory.hpp"
#include "hone/step/step_state.hpp"
#include "hone/step/update.hpp"

namespace hone::detail {

/// A batch where the device policy puts it, in the formats of the memory format and the precision policy; the batch
/// itself when it is so already.
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

/// Forward, loss and backward of one part of a batch after the other.
template <class Trainer, class Batch>
auto split_pass(Trainer& trainer, Batch& batch) {
  auto& self = internals(trainer);
  auto& parts = self.parts;
  const auto forward = [&](auto& part) { return forward_pass(trainer, part); };
  Window ahead;
  double share = 1.0;
  const std::int64_t num_batches = parts.accumulation.num_batches_per_update();
  const auto backward = [&](const auto& output, double fraction, bool is_first) {
    const double weight = weight_of(output);
    if (is_first) {
      ahead = self.step.window;
      share = ahead.add(weight, num_batches);
    } else if constexpr (requires { output.num_items; }) {
      share = ahead.add_to_last(weight, num_batches);
    }
    if constexpr (requires { output.num_items; }) fraction = 1.0;  // its items are the weight of a part
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

/// Backward, and the update when `updates`.
template <class Trainer, class Output>
void learn_from(Trainer& trainer, const Output& output, bool updates) {
  using T = TraitsOf<Trainer>;
  auto& self = internals(trainer);
  auto& parts = self.parts;
  Window& window = self.step.window;
  if constexpr (T::reduces) {  // what ranks have to agree on travels during backward
    const double share =
        window.add(self.sync.weight(parts.processes, output), parts.accumulation.num_batches_per_update(), 1.0);
    if (updates) self.sync.begin(parts.processes, self.run, window.total());
    parts.processes.backward(output.loss, updates,
                             [&](const at::Tensor& loss) { backward_share(trainer, loss, share); });
    if constexpr (ComputesGradients<typename T::Model>) {  // without autograd, so that no hook has reduced them
      if (updates) parts.processes.average_gradients();
    }
    if (updates) synced_update(trainer);
  } else {
    if constexpr (!T::splits) {
      backward_share(trainer, output.loss,
                     T::accumulates ? window.add(weight_of(output), parts.accumulation.num_batches_per_update()) : 1.0);
    }
    if (updates) update(trainer);
  }
}

/// The step of a batch on the device. The loss is dispatched before backward, where a callback may ask to drop the
/// batch.
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

/// Trains on one batch. `is_last`: no batch follows in the epoch. `facets` are what the event at the end carries beside
/// the batch and its output. Returns what the loss step returned.
template <class Trainer, class Batch, class... Facets>
auto train_step(Trainer& trainer, Batch& arrived, bool is_last, const Facets&... facets) {
  using T = TraitsOf<Trainer>;
  auto& self = internals(trainer);
  const auto finish = [&](auto& batch, const auto& output) {
    if constexpr (GivesUp<typename T::Precision>) {
      if (self.parts.precision.gives_up()) [[unlikely]]
        self.run.request_stop(self.parts.precision.reason());
    }
    dispatch(trainer, TrainStepEnd{{self.run}}, WithBatch{batch}, WithOutput{output}, facets...);
    ++self.run.batch_;
  };
  auto&& batch = on_device(trainer, arrived);
  dispatch(trainer, TrainStepStart{{self.run}}, WithBatch{batch});
  const bool updates = update_follows(trainer, is_last);
  if constexpr (T::captures) {
    auto output = learn_captured(trainer, batch, updates);
    finish(batch, output);
    return output;
  } else if constexpr (T::has_objectives) {
    auto output = Objectives::learn(trainer, batch, updates);
    finish(batch, output);
    return output;
  } else if constexpr (std::is_same_v<typename T::Execution, Eager>) {
    auto output = learn(trainer, batch, updates);
    finish(batch, output);
    return output;
  } else {
    auto output = self.parts.execution.run([&](auto& input) { return learn(trainer, input, updates); }, batch);
    finish(batch, output);
    return output;
  }
}

/// The update of a window of batches that is not complete, with the mean over its true length.
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
