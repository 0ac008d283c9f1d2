// SPDX-License-Identifier: Apache-2.0
/// The device work of a training step: forward, loss, backward and the update. It contains no host synchronization and
/// no counting on the host, so that it can be captured.
#pragma once

#include <ATen/ops/_foreach_mul.h>
#include <c10/core/GradMode.h>

#include <cstdint>
#include <type_traits>

#include "hone/callbacks/events.hpp"
#include "hone/core/require.hpp"
#include "hone/step/batch_loss.hpp"
#include "hone/step/components.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/window.hpp"

namespace hone::detail {

/// Computes forward and loss of a training batch, with the override `train_batch_loss` if there is one.
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

/// Runs backward for `whole`, the loss of a batch, times `share`, its weight in the mean over the accumulation window.
template <class Trainer>
void backward_share(Trainer& trainer, const at::Tensor& whole, double share) {
  using T = TraitsOf<Trainer>;
  auto& parts = internals(trainer).parts;
  const auto backward = [&](const at::Tensor& loss) {
    override_or<overrides::backward>(trainer, [&](const at::Tensor& value) { trainer.backward(value); }, loss);
  };
  if constexpr (ComputesGradients<typename T::Model>) {
    unwrap(parts.model).hand_over_gradients(share);
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

/// Returns the number of batches of the open accumulation window, or of the next one. A change of the accumulation
/// policy takes effect in the next window. `self` is the state of a trainer.
///
/// **Errors** `std::invalid_argument` for less than 1.
template <class Self>
[[nodiscard]] std::int64_t batches_per_update(Self& self) {
  const auto& accumulation = self.parts.accumulation;
  if constexpr (requires { accumulation.static_batches_per_update; }) {
    return accumulation.num_batches_per_update();
  } else {
    auto& batches = self.step.window_batches;
    if (self.step.window.empty()) {
      batches = accumulation.num_batches_per_update();
      require_at_least("num_batches_per_update", batches, 1);
    }
    return batches;
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

/// Rescales the gradients of a window that ended early, or whose batches have unequal weights, to the mean over it.
template <class Trainer>
void correct_window(Trainer& trainer, const Window& window) {
  auto& self = internals(trainer);
  auto& parts = self.parts;
  double correction = 0.0;
  if constexpr (TraitsOf<Trainer>::reduces) {
    correction = Window::correction(batches_per_update(self), self.sync.total / parts.processes.world_size(), 1.0);
  } else {
    correction = window.correction(batches_per_update(self));
  }
  if (correction == 1.0) return;
  const at::NoGradGuard no_gradients;
  const auto gradients = parts.optimizer.collect_gradients();
  if (!gradients.empty()) at::_foreach_mul_(gradients, correction);
}

/// Returns the result of the clipping policy. Under capture, calls `clip_without_sync`, which has no host synchronization.
template <class T>
decltype(auto) clipped_by(typename T::Clipping& clipping, at::TensorList gradients) {
  if constexpr (T::captures && ClipsWithoutSync<typename T::Clipping>) {
    return clipping.clip_without_sync(gradients);
  } else {
    return clipping.clip(gradients);
  }
}

/// Clips the gradients of a sharded optimizer and dispatches `BeforeOptimizerStep`.
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

/// Clips the gradients, which are final then, and dispatches `BeforeOptimizerStep` with `facets`.
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

/// Does the step of the optimizer; with loss scaling, through the precision policy, which can skip it.
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

/// Clears the gradients, with the override `zero_grad` if there is one.
template <class Trainer>
void clear_gradients(Trainer& trainer) {
  override_or<overrides::zero_grad>(trainer, [&] { trainer.zero_grad(); });
}

/// Does the step of the optimizer and clears the gradients, with the overrides for these if there are any.
template <class Trainer>
void step_optimizer(Trainer& trainer) {
  override_or<overrides::optimizer_step>(trainer, [&] { trainer.optimizer_step(); });
  clear_gradients(trainer);
}

}  // namespace hone::detail
