// SPDX-License-Identifier: Apache-2.0
/// The training step under an execution policy that captures it. The sequence is the same as in `learn`; the work of
/// the device is a captured graph, and the work of the host comes before and after it.
#pragma once

#include <cstdint>
#include <type_traits>

#include "hone/callbacks/events.hpp"
#include "hone/step/capturable.hpp"
#include "hone/step/device_step.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/update.hpp"

namespace hone::detail {

/// Runs forward, loss, backward and, if `updates`, the update. With several ranks, averages gradients after backward,
/// and all-reduces stop requests and the window's weight concurrently with the graph. A handler of `on_train_loss`
/// splits the graph in two; that all-reduce then completes between the two graphs.
template <class Trainer, class Batch>
auto replay_step(Trainer& trainer, Batch& batch, bool updates) {
  using T = TraitsOf<Trainer>;
  using Output = decltype(forward_pass(trainer, batch));
  static_assert(capturable<typename T::Callbacks, Trainer, std::remove_const_t<Batch>, Output, T::weighs>);
  constexpr bool is_loss_handled =
      is_handled<typename T::Callbacks, Trainer, TrainLoss, WithBatch<Batch>, WithOutput<Output>>;
  auto& self = internals(trainer);
  auto& parts = self.parts;
  Window& window = self.step.window;

  const WindowPosition place{window.empty(), updates, batches_per_update(self)};
  const Window before = window;
  const double share = window.add(self.sync.weight_of_rows(parts.processes, batch), place.num_batches, 1.0);
  const bool is_short = place.updates && window.size() != place.num_batches;  // such a window is not captured
  const auto begin_sync = [&] {
    if constexpr (T::reduces) {
      if (place.updates) self.sync.begin(parts.processes, self.run, window.total());
    }
  };
  const auto end_sync = [&] {
    if constexpr (T::reduces) {
      if (place.updates) return self.sync.end(parts.processes, self.run);
    }
    return true;
  };

  const auto forward = [&](Batch& input) -> Output { return forward_pass(trainer, input); };
  const auto backward_and_update = [&](const Output& output) {
    backward_share(trainer, output.loss, share);
    if (!place.updates) return;
    if constexpr (T::reduces) parts.processes.average_gradients();
    if constexpr (ScalesLoss<typename T::Precision>) unscale(trainer);
    if (is_short) {
      if constexpr (!is_loss_handled) static_cast<void>(end_sync());
      correct_window(trainer, window);
    }
    clip(trainer);
    step_optimizer(trainer);
  };
  const auto run = [&](const auto& between) {
    try {
      if constexpr (!is_loss_handled) begin_sync();
      return parts.execution.template run<Output>(place, is_training(parts.model),
                                                  !is_short && self.sync.is_even(parts.processes, batch), batch,
                                                  parts.optimizer, forward, between, backward_and_update);
    } catch (...) {
      window = before;
      throw;
    }
  };
  const auto end_update = [&] {
    if (!place.updates) return;
    window.reset();
    count_update(trainer);
  };

  if constexpr (is_loss_handled) {
    bool continues = true;
    auto output = run([&](const Output& loss) {
      dispatch(trainer, TrainLoss{{self.run}}, WithBatch{batch}, WithOutput{loss});
      if (!self.run.stops_before_update()) self.step.train_loss.add(loss.loss, items_in(loss));
      begin_sync();
      continues = end_sync() && !self.run.stops_before_update();
      return continues;
    });
    continues ? end_update() : drop_window(trainer);
    return output;
  } else {
    auto output = run(NoScope{});
    if (!self.run.stops_before_update()) self.step.train_loss.add(output.loss, items_in(output));
    if (!is_short) static_cast<void>(end_sync());
    end_update();
    return output;
  }
}

}  // namespace hone::detail
