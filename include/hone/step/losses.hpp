// SPDX-License-Identifier: Apache-2.0
/// Several losses in one training step, each with its own optimizer: GANs, actor and critic.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "hone/core/compatibility.hpp"
#include "hone/core/fixed_string.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/overrides.hpp"
#include "hone/data/batch.hpp"
#include "hone/policies/execution.hpp"
#include "hone/policies/precision.hpp"
#include "hone/policies/splitting.hpp"
#include "hone/step/model.hpp"

namespace hone {

/// How often a loss is computed.
///
/// **Units** every: updates of the run, at least 1. With 5, the loss is computed, and its optimizer steps, only in the
/// batches of every fifth update.
struct LossOptions {
  std::int64_t every = 1;
};

/// A loss of `Losses`; see `loss_for`.
template <FixedString loss_name, class F>
struct LossFor {
  static constexpr FixedString letters = loss_name;           ///< The name as a template argument.
  static constexpr std::string_view name = loss_name.view();  ///< The name of the loss and of its optimizer.
  F loss;
  LossOptions options;  ///< The options of the loss.
};

/// Returns a loss step with the name of its optimizer. The trainer calls `loss(model, batch)` with the model that was
/// passed to its constructor. The result is a tensor with one element, or any type with `loss`, `batch_size` and,
/// optionally, `num_items`.
///
/// **Errors** `std::invalid_argument` if `every` is below 1.
/// **Example** `loss_for<"critic">(critic_loss)`, `loss_for<"generator">(generator_loss, {.every = 5})`
template <FixedString name, class F>
[[nodiscard]] LossFor<name, F> loss_for(F loss, const LossOptions& options = {}) {
  if (options.every < 1) {
    throw std::invalid_argument(
        format_message("The loss '{}' has every = {}. Set it to 1 or greater.", {name.view(), options.every}));
  }
  return {std::move(loss), options};
}

namespace detail {

/// The result of a loss step that returns only a tensor.
struct LossAlone {
  at::Tensor loss;
  std::int64_t batch_size;
};

template <class F, class Model, class Batch>
concept LossStep = requires(F& loss, Model& model, Batch& batch) {
  { loss(model, batch) } -> std::convertible_to<at::Tensor>;
} || requires(F& loss, Model& model, Batch& batch) {
  loss(model, batch).loss;
  loss(model, batch).batch_size;
};

template <class F, class Model, class Batch>
struct not_a_loss_step {
  static_assert(
      sizeof(F) == 0,
      "hone: a loss of hone::Losses cannot be called as `loss(model, batch)`, or returns neither a tensor nor a "
      "type with `loss` and `batch_size`. The model is passed as the trainer received it: use `->` with a module "
      "holder.");
};

template <class F, class Model, class Batch>
struct LossStepResultOf {
  using type = LossAlone;
};
template <class F, class Model, class Batch>
  requires(LossStep<F, Model, Batch> &&
           !requires(F& loss, Model& model, Batch& batch) {
             { loss(model, batch) } -> std::convertible_to<at::Tensor>;
           })
struct LossStepResultOf<F, Model, Batch> {
  using type = decltype(std::declval<F&>()(std::declval<Model&>(), std::declval<Batch&>()));
};
/// The result type of a loss step. Not deduced from the call, so that an invalid loss step causes only one error.
template <class F, class Model, class Batch>
using LossStepResult = typename LossStepResultOf<F, Model, Batch>::type;

/// Calls the loss step and stores its result in `result`, a `std::optional`.
template <class F, class Model, class Batch>
void call_loss_step(F& loss, Model& model, Batch& batch, auto& result) {
  if constexpr (std::same_as<LossStepResult<F, Model, Batch>, LossAlone>) {
    result.emplace(LossAlone{loss(model, batch), batch_size(batch)});
  } else {
    result.emplace(loss(model, batch));
  }
}

template <class Losses>
struct losses_without_their_optimizers {
  static_assert(sizeof(Losses) == 0,
                "hone: the losses of hone::Losses and the optimizers must have the same names. Pass "
                "hone::Optimizers{hone::optimizer_for<\"name\">(...), ...} with one optimizer for each loss.");
};
template <class Losses>
struct several_losses_with_capture {
  static_assert(sizeof(Losses) == 0,
                "hone: StepCapture captures a step with one loss and one update, but hone::Losses has several losses. "
                "Remove StepCapture.");
};
template <class Losses>
struct several_losses_of_parts {
  static_assert(sizeof(Losses) == 0,
                "hone: MicroBatches splits a step with one loss, but hone::Losses has several losses. Remove "
                "MicroBatches, or use GradAccum with smaller batches.");
};
template <class Losses>
struct several_losses_of_exported_model {
  static_assert(
      sizeof(Losses) == 0,
      "hone: this model computes its own loss and gradients, so it does not support hone::Losses. Train it with "
      "its own loss.");
};
template <class Losses>
struct several_losses_and_an_override {
  static_assert(sizeof(Losses) == 0,
                "hone: the override `train_batch_loss` replaces one loss step, but hone::Losses has several. Remove "
                "the override.");
};
template <class Losses>
struct several_losses_and_their_scale {
  static_assert(sizeof(Losses) == 0,
                "hone: this precision policy scales the loss of one optimizer. With hone::Losses, use a policy with "
                "`step(optimizer)` and `update_scale()`, such as hone::LossScaler.");
};

template <class P, class Optimizer>
concept ScalesSeveralLosses = requires(P& precision, Optimizer& optimizer) { precision.update_scale(); };

}  // namespace detail

/// The result of a batch with `Losses`: the sum of the losses, and the result of each loss step.
template <class Losses, class... Outputs>
struct LossesOutput {
  at::Tensor loss;          ///< One element: the sum of the losses that were computed.
  std::int64_t batch_size;  ///< Number of samples.
  std::tuple<std::optional<Outputs>...> each = {};

  /// Returns a pointer to the result of the loss step `name`; null if that loss was not computed. The result of a loss
  /// step that returns a tensor is a struct with `loss` and `batch_size`.
  template <FixedString name>
  [[nodiscard]] const auto* get() const {
    const auto& output = std::get<Losses::template place_of<name>>(each);
    return output ? &*output : nullptr;
  }
};

/// Trains with several losses one after another in each training step, each with the optimizer of its name.
///
/// The step of a batch does the following for each loss in turn: forward and loss in the number format of the precision
/// policy; backward, with the batch's weight in the accumulation window; and, when the window is complete, clipping of
/// the gradients of the loss's optimizer, and its update. Meanwhile, the parameters of all remaining optimizers require
/// no gradient. The second loss is therefore computed with the weights that the first one has updated. All losses
/// together make one update of the run: the schedule advances and `on_optimizer_step` is called once, after the last
/// loss. `on_train_loss` and `on_before_optimizer_step` are called for each loss, with its name in `event.objective`.
///
/// Records the mean of each loss as `train_<name>_loss_epoch` and the sum of the means as `train_loss_epoch`, and in
/// evaluations as `eval_<name>_loss_epoch` and so on.
///
/// **Errors** `std::invalid_argument` if every loss has `every` above 1; at compile time if the names of the losses
/// differ from the names of the optimizers.
/// **Example**
/// ```
/// hone::Trainer{gan,
///               hone::Losses{hone::loss_for<"discriminator">(d_loss), hone::loss_for<"generator">(g_loss)},
///               hone::Optimizers{hone::optimizer_for<"discriminator">(hone::Adam{.lr = 2e-4}),
///                                hone::optimizer_for<"generator">(hone::Adam{.lr = 2e-4})}};
/// ```
template <class... For>
struct Losses {
  static_assert(sizeof...(For) >= 1, "hone: hone::Losses needs at least one hone::loss_for<\"name\">(...).");
  static_assert(all_differ({For::name...}), "hone: two of these losses have the same name. Rename one of them.");

  static constexpr std::size_t num_losses = sizeof...(For);
  static constexpr std::array<std::string_view, num_losses> names{For::name...};

  std::tuple<For...> losses;

  explicit Losses(For... given) : losses(std::move(given)...) {
    const bool is_always_learned =
        std::apply([](const auto&... each) { return (... || (each.options.every == 1)); }, losses);
    if (!is_always_learned) {
      throw std::invalid_argument(
          "Each of the losses has `every` greater than 1, so some batches would have no update. Set `every` of one "
          "loss to 1.");
    }
  }

  /// The index of the loss `name`.
  template <FixedString name>
  static constexpr std::size_t place_of = [] {
    static_assert((false || ... || (For::name == name.view())), "hone: none of the losses has this name.");
    std::size_t place = 0;
    while (place + 1 < num_losses && names[place] != name.view()) ++place;
    return place;
  }();

  /// The result type of a batch.
  template <class Model, class Batch>
  using Output = LossesOutput<Losses, detail::LossStepResult<decltype(For::loss), Model, Batch>...>;

  /// Moves losses that are modules to `device`.
  void to(c10::Device device) {
    std::apply([&](auto&... each) { (move_to(each.loss, device), ...); }, losses);
  }

  /// True if the losses can be combined with these types.
  template <class Model, class Optimizer, class... Policies>
  struct compatible_with_trainer {
    /// True if the losses and the optimizers have the same names.
    static constexpr bool has_names = [] {
      if constexpr (SeveralOptimizers<Optimizer>) {
        return Optimizer::num_optimizers == num_losses && (Optimizer::template has<For::letters> && ...);
      } else {
        return false;
      }
    }();
    static constexpr bool value = has_names && !(... || CapturesSteps<Policies>) && !(... || SplitsBatches<Policies>) &&
                                  !ComputesGradients<Model> && !(... || overrides::train_batch_loss::named<Policies>) &&
                                  (... && (!ScalesLoss<Policies> || detail::ScalesSeveralLosses<Policies, Optimizer>));
  };
  /// Returns the type of the message for types that do not fit.
  template <class Model, class Optimizer, class... Policies>
  static consteval auto fault() {
    if constexpr (!compatible_with_trainer<Model, Optimizer>::has_names) {
      return std::type_identity<detail::losses_without_their_optimizers<Losses>>{};
    } else if constexpr ((... || CapturesSteps<Policies>)) {
      return std::type_identity<detail::several_losses_with_capture<Losses>>{};
    } else if constexpr ((... || SplitsBatches<Policies>)) {
      return std::type_identity<detail::several_losses_of_parts<Losses>>{};
    } else if constexpr (ComputesGradients<Model>) {
      return std::type_identity<detail::several_losses_of_exported_model<Losses>>{};
    } else if constexpr ((... || overrides::train_batch_loss::named<Policies>)) {
      return std::type_identity<detail::several_losses_and_an_override<Losses>>{};
    } else {
      return std::type_identity<detail::several_losses_and_their_scale<Losses>>{};
    }
  }
  template <class Model, class Optimizer, class... Policies>
  using incompatible_with_trainer = typename decltype(fault<Model, Optimizer, Policies...>())::type;
};

/// Computes all losses of a batch, without selecting an optimizer for each: for evaluations.
template <class Model, class... For, class Batch>
auto batch_loss(Model& model, Losses<For...>& losses, Batch& batch) {
  using Output = typename Losses<For...>::template Output<Model, Batch>;
  Output output{.loss = {}, .batch_size = batch_size(batch)};
  const auto add = [&](auto& each, auto& to) {
    if constexpr (detail::LossStep<decltype(each.loss), Model, Batch>) {
      detail::call_loss_step(each.loss, model, batch, to);
      output.loss = output.loss.defined() ? output.loss + to->loss : to->loss;
    } else {
      static_cast<void>(sizeof(detail::not_a_loss_step<decltype(each.loss), Model, Batch>));
    }
  };
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    (add(std::get<i>(losses.losses), std::get<i>(output.each)), ...);
  }(std::index_sequence_for<For...>{});
  return output;
}

}  // namespace hone
