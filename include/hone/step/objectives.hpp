// SPDX-License-Identifier: Apache-2.0
/// The training step of several losses, each with its own optimizer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "hone/callbacks/events.hpp"
#include "hone/core/compatibility.hpp"
#include "hone/core/overrides.hpp"
#include "hone/policies/accumulation.hpp"
#include "hone/policies/precision.hpp"
#include "hone/step/batch_loss.hpp"
#include "hone/step/device_errors.hpp"
#include "hone/step/device_step.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/losses.hpp"
#include "hone/step/update.hpp"
#include "hone/step/window.hpp"

namespace hone {

namespace detail {

/// The result type of a trainer's loss step.
template <class Model, class Loss, class Batch>
struct LossStepOutputOf {
  using type = BatchOutputOf<Model, Batch>;
};
template <class Model, SeveralLosses Loss, class Batch>
struct LossStepOutputOf<Model, Loss, Batch> {
  using type = typename Loss::template Output<Model, Batch>;
};
template <class Model, class Loss, class Batch>
using LossStepOutput = typename LossStepOutputOf<Model, Loss, Batch>::type;

}  // namespace detail

/// The accumulation window of each loss. Empty for a trainer with one loss, whose window is in `StepState`.
template <class Loss>
struct ObjectiveWindows {
  void reset() {}  ///< Empties the windows.
};
template <SeveralLosses Loss>
struct ObjectiveWindows<Loss> {
  std::array<Window, Loss::num_losses> each;

  void reset() { each.fill({}); }
  void serialize(auto& archive) {
    for (std::size_t i = 0; i < each.size(); ++i) archive(Loss::names[i], each[i]);
  }
};

namespace detail {

/// Implements the training step of `Losses`, where the sequence is documented.
///
/// If a range of unknown length ends within a window, `finish_window` updates with the gradients that were accumulated
/// so far. The later losses were then computed before the updates of the earlier ones.
///
/// A stop before the update, or an exception, ends the step at the loss where it occurs. If an earlier loss has updated,
/// the step is an update: it is counted, so that the run continues with the next one.
struct Objectives {
  /// Runs forward, loss and backward of each loss and, if `updates`, its update.
  template <class Trainer, class Batch>
  static auto learn(Trainer& trainer, Batch& batch, bool updates) {
    using T = TraitsOf<Trainer>;
    using Output = typename T::Loss::template Output<typename T::Model, Batch>;
    auto& self = internals(trainer);
    Output output{.loss = {}, .batch_size = batch_size(batch)};
    bool has_updated = false;
    const bool is_learned = while_learned(trainer, has_updated, [&]<std::size_t i>() {
      return learn_one<i>(trainer, batch, updates, output, has_updated);
    });
    if (is_learned && !updates) {
      self.step.window.add(1.0, batches_per_update(self));
    } else {
      end_window(trainer, is_learned, has_updated);
    }
    return output;
  }

  /// Does the updates of a window that ended early.
  template <class Trainer>
  static void finish_window(Trainer& trainer) {
    bool has_updated = false;
    const bool is_learned =
        while_learned(trainer, has_updated, [&]<std::size_t i>() { return finish_one<i>(trainer, has_updated); });
    end_window(trainer, is_learned, has_updated);
  }

 private:
  /// Calls `f` for each loss until it returns false. Counts the update if `f` throws after one.
  template <class Trainer, class F>
  static bool while_learned(Trainer& trainer, const bool& has_updated, const F& f) {
    try {
      return [&]<std::size_t... i>(std::index_sequence<i...>) {
        return (f.template operator()<i>() && ...);
      }(std::make_index_sequence<TraitsOf<Trainer>::Loss::num_losses>{});
    } catch (...) {
      if (has_updated) as_far_as_possible([&] { end_window(trainer, false, true); });
      throw;
    }
  }

  /// Selects the optimizer of a loss during the lifetime of the returned guard.
  template <std::size_t i, class Trainer>
  static auto only(Trainer& trainer) {
    using Optimizer = typename TraitsOf<Trainer>::BoundOptimizer;
    using For = std::tuple_element_t<i, decltype(TraitsOf<Trainer>::Loss::losses)>;
    return typename Optimizer::Only(internals(trainer).parts.optimizer, Optimizer::template place_of<For::letters>);
  }

  /// True if the loss is computed for the next update.
  template <std::size_t i, class Trainer>
  static bool is_due(Trainer& trainer) {
    auto& self = internals(trainer);
    const std::int64_t every = std::get<i>(self.parts.loss.losses).options.every;
    return every == 1 || (self.run.num_updates() + 1) % every == 0;
  }

  /// Returns false if a stop before the update drops the batch, so that the remaining losses must not run.
  template <std::size_t i, class Trainer, class Batch, class Output>
  static bool learn_one(Trainer& trainer, Batch& batch, bool updates, Output& all, bool& has_updated) {
    auto& loss = std::get<i>(internals(trainer).parts.loss.losses);
    using F = decltype(loss.loss);
    using Model = typename TraitsOf<Trainer>::Model;
    if constexpr (!LossStep<F, Model, Batch>) {
      static_cast<void>(sizeof(not_a_loss_step<F, Model, Batch>));
      return false;
    } else {
      return is_due<i>(trainer) ? learn_from<i>(trainer, loss, batch, updates, all, has_updated) : true;
    }
  }
  template <std::size_t i, class Trainer, class For, class Batch, class Output>
  static bool learn_from(Trainer& trainer, For& loss, Batch& batch, bool updates, Output& all, bool& has_updated) {
    using T = TraitsOf<Trainer>;
    auto& self = internals(trainer);
    auto& parts = self.parts;
    const WithObjective objective{loss.name};
    [[maybe_unused]] const auto optimizer = only<i>(trainer);
    auto& result = std::get<i>(all.each);
    {
      [[maybe_unused]] const auto region = parts.precision.region(parts.device.device());
      call_loss_step(loss.loss, parts.model, batch, result);
    }
    const auto& output = *result;
    const auto value = output.loss.detach();
    all.loss = all.loss.defined() ? all.loss + value : value;
    dispatch(trainer, TrainLoss{{self.run}}, WithBatch<Batch>{batch}, WithOutput{output}, objective);
    if (self.run.stops_before_update()) [[unlikely]]
      return false;
    self.step.train_loss.add(i, output.loss, items_in(output));

    Window& window = self.step.objectives.each[i];
    double share = 1.0;
    if constexpr (T::reduces) {
      share = window.add(self.sync.weight(parts.processes, output), batches_per_update(self), 1.0);
      if (updates) self.sync.begin(parts.processes, self.run, window.total());
    } else if constexpr (T::accumulates) {
      share = window.add(weight_of(output), batches_per_update(self));
    }
    backward_share(trainer, output.loss, share);
    return !updates || update_one<i>(trainer, has_updated);
  }

  template <std::size_t i, class Trainer>
  static bool finish_one(Trainer& trainer, bool& has_updated) {
    auto& self = internals(trainer);
    if (!is_due<i>(trainer)) return true;
    [[maybe_unused]] const auto optimizer = only<i>(trainer);
    if constexpr (TraitsOf<Trainer>::reduces) {
      self.sync.begin(self.parts.processes, self.run, self.step.objectives.each[i].total());
    }
    return update_one<i>(trainer, has_updated);
  }

  /// Does the update of the optimizer that `only` has selected. Returns false if a stop prevents it.
  template <std::size_t i, class Trainer>
  static bool update_one(Trainer& trainer, bool& has_updated) {
    using T = TraitsOf<Trainer>;
    auto& self = internals(trainer);
    const WithObjective objective{std::get<i>(self.parts.loss.losses).name};
    if constexpr (T::reduces) {
      self.parts.processes.average_gradients();
      if (!self.sync.end(self.parts.processes, self.run)) return false;
    }
    if constexpr (ScalesLoss<typename T::Precision>) unscale(trainer);
    if constexpr (T::weighs) correct_window(trainer, self.step.objectives.each[i]);
    self.step.objectives.each[i].reset();
    clip(trainer, objective);
    if constexpr (syncs_before_update<Trainer>) sync_stop(trainer);
    if (self.run.stops_before_update()) [[unlikely]]
      return false;
    step_optimizer(trainer);
    return has_updated = true;
  }

  /// Ends a window. Drops the gradients that a stop has left over, and counts the update if there was one.
  template <class Trainer>
  static void end_window(Trainer& trainer, bool is_learned, bool has_updated) {
    auto& self = internals(trainer);
    if (!is_learned) [[unlikely]]
      drop_window(trainer);
    if (!has_updated) return;
    self.step.window.reset();
    if constexpr (ScalesLoss<typename TraitsOf<Trainer>::Precision>) self.parts.precision.update_scale();
    count_update(trainer);
  }
};

}  // namespace detail

}  // namespace hone
