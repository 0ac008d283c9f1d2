// SPDX-License-Identifier: Apache-2.0
/// What the device does in a training step: forward, loss, backward, and an update. Nothing here counts, or waits for
/// the device, so that all of it can be captured.
#pragma once

#include <ATen/ops/_foreach_mul.h>
#include <c10/core/GradMode.h>

#include <type_traits>

#include "hone/callbacks/events.hpp"
#include "hone/step/batch_loss.hpp"
#include "hone/step/components.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/window.hpp"

namespace hone::detail {

/// Forward and loss of a training batch, by the override `train_batch_loss` if it is there.
template <class Trainer, class Batch>
auto forward_pass(Trainer& trainer, Batch& batch) {
  auto& parts = internals(trainer).parts;
  [[maybe_unused]] const auto region = parts.precision.region(parts.device.device());
  static_assert(is_callable_override<overrides::train_batch_loss, Trainer, Batch>);
  if constexpr (is_overridden<overrides::train_batch_loss, Trainer, Batch>) {
    return call_override<overrides::train_batch_loss>(trainer, batch);
  } else {
    return batch_loss(parts.model, parts.loss, batch);
  }
}

/// Backward of a batch's share of the mean over the window.
template <class Trainer>
void backward_share(Trainer& trainer, const at::Tensor& whole, double share) {
  using T = TraitsOf<Trainer>;
  auto& parts = internals(trainer).parts;
  const auto backward = [&](const at::Tensor& loss) {
    override_or<overrides::backward>(trainer, [&](const at::Tensor& value) { trainer.backward(value); }, loss);
  };
  if constexpr (ComputesGradients<typename T::Model>) {
    pointee(parts.model).hand_over_gradients(share);
  } else if constexpr (T::weighs || ScalesLoss<typename T::Precision>) {
    at::Tensor loss = whole;
    if constexpr (T::weighs) {
      if (share != 1.0) loss = loss * share;
    }
    if constexpr (ScalesLoss<typename T::Precision>) loss = parts.precision.scale(loss);
    backward(loss);
  } else {
    backward(whole);
  }
}

template <class Trainer>
void unscale(Trainer& trainer) {
  auto& parts = internals(trainer).parts;
  parts.precision.unscale(parts.optimizer.collect_gradients());
  if constexpr (ShardsOptimizer<typename TraitsOf<Trainer>::Distribution>) {  // else every rank has all gradients
    const auto& found = parts.precision.found_inf();
    found.copy_(parts.processes.of_each(found).amax());
  }
}

/// Makes the gradients of a window that ended early, or whose batches have unequal weights, the mean over it.
template <class Trainer>
void correct_window(Trainer& trainer, const Window& window) {
  auto& self = internals(trainer);
  auto& parts = self.parts;
  double correction = 0.0;
  if constexpr (TraitsOf<Trainer>::reduces) {
    correction = Window::correction(parts.accumulation.num_batches_per_update(),
                                    self.sync.total / parts.processes.world_size(), 1.0);
  } else {
    correction = window.correction(parts.accumulation.num_batches_per_update());
  }
  if (correction == 1.0) return;
  const at::NoGradGuard no_gradients;
  const auto gradients = parts.optimizer.collect_gradients();
  if (!gradients.empty()) at::_foreach_mul_(gradients, correction);
}

/// What the clipping policy returns. A captured step has no number that the host has read.
template <class T>
decltype(auto) clipped_by(typename T::Clipping& clipping, at::TensorList gradients) {
  if constexpr (T::captures && ClipsUnread<typename T::Clipping>) {
    return clipping.clip_unread(gradients);
  } else {
    return clipping.clip(gradients);
  }
}

/// Clips the gradients, where this rank has a part of them.
template <class Trainer>
void clip_shard(Trainer& trainer) {
  using Clipping = typename TraitsOf<Trainer>::Clipping;
  auto& self = internals(trainer);
  auto& parts = self.parts;
  const at::NoGradGuard no_gradients;
  const auto gradients = parts.optimizer.collect_gradients();
  if constexpr (ClipsShards<Clipping>) {
    const auto clipped =
        parts.clipping.clip(gradients, [&](const at::Tensor& norm) { return parts.processes.of_each(norm); });
    dispatch(trainer, BeforeOptimizerStep{{self.run}}, WithClipped{clipped});
  } else {
    if constexpr (ClipPolicy<Clipping>) {
      if (!gradients.empty()) parts.clipping.clip(gradients);
    }
    dispatch(trainer, BeforeOptimizerStep{{self.run}});
  }
}

/// Clips the gradients, which are final then. `facets` are what the event about them carries.
template <class Trainer, class... Facets>
void clip(Trainer& trainer, const Facets&... facets) {
  using T = TraitsOf<Trainer>;
  auto& self = internals(trainer);
  if constexpr (ShardsOptimizer<typename T::Distribution>) {
    clip_shard(trainer);
  } else if constexpr (ClipPolicy<typename T::Clipping>) {
    const at::NoGradGuard no_gradients;
    const auto gradients = self.parts.optimizer.collect_gradients();
    if constexpr (std::is_void_v<decltype(clipped_by<T>(self.parts.clipping, gradients))>) {
      if (!gradients.empty()) clipped_by<T>(self.parts.clipping, gradients);
      dispatch(trainer, BeforeOptimizerStep{{self.run}}, facets...);
    } else {
      const auto clipped = clipped_by<T>(self.parts.clipping, gradients);
      dispatch(trainer, BeforeOptimizerStep{{self.run}}, WithClipped{clipped}, facets...);
    }
  } else {
    dispatch(trainer, BeforeOptimizerStep{{self.run}}, facets...);
  }
}

/// The update itself, as a precision policy with loss scaling wants it.
template <class T>
void plain_optimizer_step(Components<T>& parts) {
  if constexpr (ScalesLoss<typename T::Precision> && T::has_objectives) {
    parts.precision.step(parts.optimizer);
  } else if constexpr (ScalesLoss<typename T::Precision>) {
    parts.precision.update(parts.optimizer);
  } else {
    parts.optimizer.step();
  }
}

/// The update itself, by overrides if they are there. Leaves no gradients.
template <class Trainer>
void step_optimizer(Trainer& trainer) {
  override_or<overrides::optimizer_step>(trainer, [&] { trainer.optimizer_step(); });
  override_or<overrides::zero_grad>(trainer, [&] { trainer.zero_grad(); });
}

}  // namespace hone::detail
