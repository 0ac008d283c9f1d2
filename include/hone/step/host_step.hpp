// SPDX-License-Identifier: Apache-2.0
/// A training step in a loop of the host program. The settings of the trainer are in effect only during the step.
#pragma once

#include <ATen/Context.h>
#include <c10/core/GradMode.h>

#include <stdexcept>
#include <type_traits>
#include <utility>

#include "hone/step/activity.hpp"
#include "hone/step/device_errors.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/forward_macs.hpp"
#include "hone/step/guards.hpp"
#include "hone/step/no_loss.hpp"
#include "hone/step/step.hpp"

namespace hone::detail {

[[noreturn, gnu::cold, gnu::noinline]] inline void refuse_to_train() {
  throw std::invalid_argument(
      "The trainer has no parameters to train: when it was constructed, no parameter of the model required a gradient. "
      "Unfreeze one with set_requires_grad(true), or add a layer with parameters, before you construct the trainer.");
}

/// Throws `std::invalid_argument` if the optimizer has no parameters. A compile-time error without an optimizer.
template <class Trainer>
void require_trainable(Trainer& trainer) {
  using Optimizer = typename TraitsOf<Trainer>::Optimizer;
  if constexpr (std::is_same_v<Optimizer, NoOptimizer>) {
    static_assert(sizeof(trainer_without_optimizer<Optimizer>) > 0);
  } else {
    auto& optimizer = internals(trainer).parts.optimizer;
    bool is_empty = false;
    if constexpr (std::is_same_v<decltype(optimizer.parameters()), at::TensorList>) {
      is_empty = optimizer.parameters().empty();
    } else {
      is_empty = optimizer.num_groups() == 0;  // `parameters()` would allocate in each call
    }
    if (is_empty) [[unlikely]]
      refuse_to_train();
  }
}

/// Calls `f` with the trainer's device as the thread's current device. Device errors become `DeviceError`.
template <class Trainer, class F>
decltype(auto) with_device(Trainer& trainer, F&& f) {
  auto& device = internals(trainer).parts.device;
  [[maybe_unused]] const auto current = device_scope(device);
  return with_device_errors(device.device(), std::forward<F>(f));
}

/// Calls `f` with gradients enabled, with `num_threads` threads (0 changes nothing), and with the denormals, number
/// formats and device of the policies. Restores all of them.
template <class Trainer, class F>
auto in_settings(Trainer& trainer, int num_threads, F&& f) {
  auto& parts = internals(trainer).parts;
  const at::AutoGradMode gradients(true);
  const ThreadGuard threads(num_threads);
  [[maybe_unused]] const auto denormals = parts.denormals.over_step();
  [[maybe_unused]] const auto precision = parts.precision_scope();
  return with_device(trainer, std::forward<F>(f));
}

/// Returns the number of threads for the operators of a step. Calls the threads policy for the first batch, and again
/// after the host has changed its number of threads.
template <class Trainer, class Batch>
[[nodiscard]] int step_threads(Trainer& trainer, const Batch& batch) {
  auto& self = internals(trainer);
  auto& threads = self.step.threads;
  if (const int available = at::get_num_threads(); available != threads.available) [[unlikely]] {
    threads = {available, self.parts.threads.threads_for(macs_in(unwrap(self.parts.model), batch), available)};
  }
  return threads.used;
}

/// Calls `f`, a step of the host's loop, with the settings of this trainer. `num_threads` 0: as `step_threads` returns.
template <class Trainer, class Batch, class F>
auto host_step(Trainer& trainer, const Batch& batch, F&& f, int num_threads = 0) {
  const FlagGuard activity(internals(trainer).activity.steps);
  return in_settings(trainer, num_threads > 0 ? num_threads : step_threads(trainer, batch), std::forward<F>(f));
}

/// Clears gradients of other backward passes when an accumulation window begins. Warns of untrained parameters once.
template <class Trainer>
void start_from_own_gradients(Trainer& trainer) {
  auto& step = internals(trainer).step;
  if (step.window.empty()) clear_gradients(trainer);
  if (!step.has_looked_for_untrained) [[unlikely]]
    warn_of_untrained(trainer);
}

}  // namespace hone::detail
