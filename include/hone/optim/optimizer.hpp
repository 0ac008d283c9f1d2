// SPDX-License-Identifier: Apache-2.0
/// The interface of an optimizer, and `bind`, which creates one from an argument of the trainer.
///
/// | written | bound as | when |
/// | --- | --- | --- |
/// | `Sgd`, `Adam`, `AdamW` | `FusedOptimizer<Rule>` over the model's trainable parameters | the usual case |
/// | `FusedOptimizer<Rule>` | as it is | parameter groups, or some parameters only |
/// | `NoOptimizer` | as it is | evaluation and prediction only |
/// | a `torch::optim` optimizer, a smart pointer to one, `std::ref(one)` | `TorchOptimizer<O>` | any other rule |
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/no_optimizer.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/optim/rule.hpp"
#include "hone/optim/torch_optimizer.hpp"

namespace hone {

/// A type that the training loop can use as an optimizer.
template <class O>
concept Optimizer = std::movable<O> && requires(O& optimizer, const O& constant, std::size_t group, double lr) {
  { optimizer.collect_gradients() } -> std::same_as<at::TensorList>;
  { optimizer.gradients() } -> std::same_as<at::TensorList>;
  optimizer.step();
  optimizer.zero_grad();
  optimizer.set_lr(lr);
  optimizer.set_lr(group, lr);
  { constant.lr(group) } -> std::same_as<double>;
  { constant.base_lr(group) } -> std::same_as<double>;
  { constant.num_groups() } -> std::same_as<std::size_t>;
  { constant.num_updates() } -> std::same_as<std::int64_t>;
  { constant.parameters() } -> std::convertible_to<at::TensorList>;
};

namespace detail {

template <class O>
concept IsTorchOptimizer = std::derived_from<O, torch::optim::Optimizer>;

template <class T>
struct Binding {};

template <OptimizerRule R>
struct Binding<R> {
  using type = FusedOptimizer<R>;
  static type make(const R& rule, NamedParameters parameters) {
    parameters = trainable(std::move(parameters));
    if (parameters.empty()) {
      rule.check();
      return type();
    }
    return type(std::move(parameters), rule);
  }
};

template <class O>
  requires Optimizer<O>
struct Binding<O> {
  using type = O;
  static type make(O&& optimizer, const NamedParameters& model) {
    require_common(optimizer.parameters(), model);
    return std::move(optimizer);
  }
};

template <>
struct Binding<NoOptimizer> {
  using type = NoOptimizer;
  static type make(NoOptimizer, const NamedParameters&) { return {}; }
};

template <class O>
TorchOptimizer<O> bind_torch(std::shared_ptr<O> optimizer, const NamedParameters& model) {
  TorchOptimizer<O> result(std::move(optimizer));
  require_common(result.parameters(), model);
  return result;
}

template <IsTorchOptimizer O>
struct Binding<O> {
  using type = TorchOptimizer<O>;
  static type make(O&& optimizer, const NamedParameters& model) {
    return bind_torch(std::make_shared<O>(std::move(optimizer)), model);
  }
};

template <IsTorchOptimizer O>
struct Binding<std::shared_ptr<O>> {
  using type = TorchOptimizer<O>;
  static type make(std::shared_ptr<O> optimizer, const NamedParameters& model) {
    return bind_torch(std::move(optimizer), model);
  }
};

template <IsTorchOptimizer O>
struct Binding<O*> {
  using type = TorchOptimizer<O>;
  static type make(O* optimizer, const NamedParameters& model) {
    return bind_torch(std::shared_ptr<O>(std::shared_ptr<void>(), optimizer), model);  // owns nothing
  }
};

template <IsTorchOptimizer O>
struct Binding<std::unique_ptr<O>> : Binding<std::shared_ptr<O>> {};

template <IsTorchOptimizer O>
struct Binding<std::reference_wrapper<O>> {
  using type = TorchOptimizer<O>;
  static type make(std::reference_wrapper<O> optimizer, const NamedParameters& model) {
    return bind_torch(std::shared_ptr<O>(std::shared_ptr<void>(), &optimizer.get()), model);  // owns nothing
  }
};

}  // namespace detail

/// A type that `bind` accepts.
template <class T>
concept BindableOptimizer = requires { typename detail::Binding<std::remove_cvref_t<T>>::type; };

/// The type that `bind` returns for a `T`.
template <BindableOptimizer T>
using BoundOptimizer = typename detail::Binding<std::remove_cvref_t<T>>::type;

/// Returns the optimizer for a model with the given parameters. A rule is bound to the parameters that require a
/// gradient. An existing optimizer keeps its own parameters.
///
/// If no parameter requires a gradient, the result for a rule has no parameters: its trainer evaluates and predicts.
///
/// **Errors** `std::invalid_argument` for settings out of range, and for an optimizer that contains none of the model's
/// parameters; one `static_assert` message for an lvalue that `bind` would have to move from.
/// **Example** `auto optimizer = hone::bind(hone::Adam{.lr = 3e-4}, hone::named_parameters(model));`
template <BindableOptimizer T>
[[nodiscard]] BoundOptimizer<T> bind(T&& optimizer, NamedParameters parameters) {
  using Binding = detail::Binding<std::remove_cvref_t<T>>;
  static_assert(
      requires { Binding::make(std::forward<T>(optimizer), std::move(parameters)); },
      "hone: this optimizer cannot be copied. Pass it with std::move or std::ref.");
  return Binding::make(std::forward<T>(optimizer), std::move(parameters));
}

}  // namespace hone
