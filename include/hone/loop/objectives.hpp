// SPDX-License-Identifier: Apache-2.0
/// The training step of several losses, each with an optimizer of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "hone/callbacks/events.hpp"
#include "hone/core/composition.hpp"
#include "hone/core/overrides.hpp"
#include "hone/loop/batch_loss.hpp"
#include "hone/loop/losses.hpp"
#include "hone/loop/window.hpp"
#include "hone/policies/accumulation.hpp"
#include "hone/policies/precision.hpp"

namespace hone {

namespace detail {

/// What the loss step of a trainer returns.
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

/// What the batches of an open accumulation window count for each loss: nothing, where there is one loss.
template <class Loss>
struct ObjectiveWindows {
  void reset() {}
};
template <SeveralLosses Loss>
struct ObjectiveWindows<Loss> {
  std::array<Window, Loss::num_losses> each;

  void reset() { each.fill({}); }
  void serialize(auto& archive) {
    for (std::size_t i = 0; i < each.size(); ++i) archive(Loss::names[i], each[i]);
  }
};

/// The arithmetic of `Losses` in a trainer's step. See there for the order of things.
///
/// A window that the end of an epoch cuts short without notice, in a range of unknown length, is finished from the
/// gradients that are there: the last losses then have not seen what the first ones changed.
struct Objectives {
  /// Forward, loss and backward of each loss, and its update when the window is complete.
  template <class Step, class Batch>
  static auto learn(Step& step, Batch& batch, bool is_last) {
    using Loss = std::remove_cvref_t<decltype(step.loss_)>;
    using Output = typename Loss::template Output<std::remove_cvref_t<decltype(step.model_)>, Batch>;
    Output output{.loss = {}, .batch_size = batch_size(batch)};
    const bool update_follows = step.update_follows(is_last);
    const bool is_learned = [&]<std::size_t... i>(std::index_sequence<i...>) {
      return (learn_one<i>(step, batch, update_follows, output) && ...);
    }(std::make_index_sequence<Loss::num_losses>{});
    if (!is_learned) {
      step.drop_window();
    } else if (update_follows) {
      end_update(step);
    } else {
      step.window_.add(1.0, step.accumulation_.num_batches_per_update());
    }
    return output;
  }

  /// The updates of a window that ended early.
  template <class Step>
  static void finish_window(Step& step) {
    using Loss = std::remove_cvref_t<decltype(step.loss_)>;
    const bool is_learned = [&]<std::size_t... i>(std::index_sequence<i...>) {
      return (finish_one<i>(step) && ...);
    }(std::make_index_sequence<Loss::num_losses>{});
    is_learned ? end_update(step) : step.drop_window();
  }

 private:
  /// The optimizer of a loss, while this lives.
  template <std::size_t i, class Step>
  static auto only(Step& step) {
    using Loss = std::remove_cvref_t<decltype(step.loss_)>;
    using Optimizer = std::remove_cvref_t<decltype(step.optimizer_)>;
    using For = std::tuple_element_t<i, decltype(Loss::losses)>;
    return typename Optimizer::Only(step.optimizer_, Optimizer::template place_of<For::letters>);
  }

  /// True when a loss is computed for the update that is coming.
  template <std::size_t i, class Step>
  static bool is_due(const Step& step) {
    const std::int64_t every = std::get<i>(step.loss_.losses).options.every;
    return every == 1 || (step.run_.num_updates() + 1) % every == 0;
  }

  /// Returns false when nothing more is to be learned from the batch.
  template <std::size_t i, class Step, class Batch, class Output>
  static bool learn_one(Step& step, Batch& batch, bool update_follows, Output& all) {
    auto& loss = std::get<i>(step.loss_.losses);
    using F = decltype(loss.loss);
    using Model = std::remove_cvref_t<decltype(step.model_)>;
    if constexpr (!detail::LossStep<F, Model, Batch>) {
      static_cast<void>(sizeof(detail::not_a_loss_step<F, Model, Batch>));
      return false;
    } else {
      return is_due<i>(step) ? learn_from<i>(step, loss, batch, update_follows, all) : true;
    }
  }
  template <std::size_t i, class Step, class For, class Batch, class Output>
  static bool learn_from(Step& step, For& loss, Batch& batch, bool update_follows, Output& all) {
    const WithObjective objective{loss.name};
    [[maybe_unused]] const auto optimizer = only<i>(step);
    auto& result = std::get<i>(all.each);
    {
      [[maybe_unused]] const auto region = step.precision_.region(step.device_.device());
      detail::call_loss_step(loss.loss, step.model_, batch, result);
    }
    const auto& output = *result;
    step.train_loss_.add(i, output.loss, items_in(output));
    const auto value = output.loss.detach();
    all.loss = all.loss.defined() ? all.loss + value : value;
    step.announce(TrainLoss{{step.run_}}, WithBatch<Batch>{batch}, WithOutput{output}, objective);
    if (step.asks_for_stop_before_update()) [[unlikely]]
      return false;

    Window& window = step.objectives_.each[i];
    double share = 1.0;
    if constexpr (Step::reduces) {
      share = window.add(step.weight_among_processes(output), step.accumulation_.num_batches_per_update(), 1.0);
      if (update_follows) step.begin_agreement(window.total());
    } else if constexpr (Step::accumulates) {
      share = window.add(weight_of(output), step.accumulation_.num_batches_per_update());
    }
    step.backward_share(output.loss, share);
    return !update_follows || update<i>(step);
  }

  template <std::size_t i, class Step>
  static bool finish_one(Step& step) {
    if (!is_due<i>(step)) return true;
    [[maybe_unused]] const auto optimizer = only<i>(step);
    if constexpr (Step::reduces) step.begin_agreement(step.objectives_.each[i].total());
    return update<i>(step);
  }

  /// The update of one optimizer, which `only` has selected.
  template <std::size_t i, class Step>
  static bool update(Step& step) {
    const WithObjective objective{std::get<i>(step.loss_.losses).name};
    if constexpr (Step::reduces) {
      step.processes_.average_gradients();
      if (!step.end_agreement()) return false;
    }
    if constexpr (ScalesLoss<typename Step::PrecisionType>) step.unscale();
    if constexpr (Step::weighs) step.correct_window(step.objectives_.each[i]);
    step.clip(objective);
    if constexpr (Step::hears_gradients) step.agree_on_stop();
    if (step.asks_for_stop_before_update()) [[unlikely]]
      return false;
    step.own_or(overrides::optimizer_step{}, [&] { step.optimizer_step(); });
    step.own_or(overrides::zero_grad{}, [&] { step.zero_grad(); });
    return true;
  }

  template <class Step>
  static void end_update(Step& step) {
    step.window_.reset();
    step.objectives_.reset();
    if constexpr (ScalesLoss<typename Step::PrecisionType>) step.precision_.update_scale();
    step.count_update();
    step.announce(OptimizerStep{{step.run_}});
  }
};

}  // namespace hone
