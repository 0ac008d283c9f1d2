// SPDX-License-Identifier: Apache-2.0
/// Operations on a model: call it, switch its mode, move it. A model is any type with `forward`: a `torch::nn::Module`,
/// its holder, a smart pointer or `std::ref` to one, a `torch::jit::Module`.
#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <type_traits>
#include <vector>

#include "hone/core/unwrap.hpp"

namespace hone {

/// A model that can be called with these inputs.
template <class Model, class... Inputs>
concept ForwardableWith = requires(UnwrapRef<Model>& model, Inputs&... inputs) {
  model.forward(inputs...);
} || requires(UnwrapRef<Model>& model, Inputs&... inputs) { model.forward({inputs...}).toTensor(); };

/// Optional: a model that computes, in training mode, the loss and its gradients in one call, without an autograd
/// graph. The model stores these gradients until `hand_over_gradients(share)` adds them, times `share`, to the
/// gradients of the parameters.
template <class Model>
concept ComputesGradients = requires(UnwrapRef<Model>& model, double share) { model.hand_over_gradients(share); };

/// Calls a loss, which is a function object, a module or its holder.
template <class Loss, class Outputs, class Target>
at::Tensor loss_of(Loss& loss, const Outputs& outputs, Target& target) {
  if constexpr (requires { loss(outputs, target); }) {
    return loss(outputs, target);
  } else {
    return unwrap(loss).forward(outputs, target);
  }
}

namespace detail {

/// A `torch::jit::Module`. It has a mode if it has the attribute `training`, which modules built in C++ may lack.
template <class M>
concept Scripted = requires(M& module) {
  module.setattr("training", true);
  module.modules();
};

template <class Module>
void set_module_training(Module& module, bool on) {
  if constexpr (Scripted<Module>) {
    module.setattr("training", on);
  } else {
    module.train(on);
  }
}

/// Calls `f` with every module that has a mode, outer ones first.
template <class Module, class F>
void for_each_module(Module& outer, F&& f) {
  if constexpr (Scripted<Module>) {
    for (auto module : outer.modules()) {
      if (module.hasattr("training")) f(module);
    }
  } else if constexpr (requires { outer.modules(/*include_self=*/false).front()->is_training(); }) {
    f(outer);  // `modules()` would require a shared pointer to the outer one
    for (const auto& module : outer.modules(/*include_self=*/false)) f(*module);
  } else if constexpr (requires { outer.is_training(); }) {
    f(outer);
  }
}

}  // namespace detail

/// Switches a model and all modules in it to training or evaluation mode. A no-op for a model without modes.
template <class Model>
void set_training(Model& model, bool on) {
  auto& target = unwrap(model);
  if constexpr (detail::Scripted<std::remove_reference_t<decltype(target)>>) {
    detail::for_each_module(target, [on](auto& module) { detail::set_module_training(module, on); });
  } else if constexpr (requires { target.train(on); }) {
    target.train(on);
  }
}

/// Returns whether a model is in training mode. True for a model without modes.
template <class Model>
[[nodiscard]] bool is_training(Model& model) {
  auto& target = unwrap(model);
  if constexpr (requires {
                  { target.is_training() } -> std::convertible_to<bool>;
                }) {
    return target.is_training();
  } else {
    return true;
  }
}

/// Moves a model's parameters and buffers to `device`. A no-op for a model without `to`.
template <class Model>
void move_to(Model& model, c10::Device device) {
  if constexpr (auto& target = unwrap(model); requires { target.to(device); }) target.to(device);
}

/// Stores the mode of every module in a model, and restores it at the end of its lifetime.
template <class Model>
class ModeGuard {
 public:
  /// Stores the modes.
  explicit ModeGuard(Model& model) : model_(model) {
    detail::for_each_module(unwrap(model_), [this](auto& module) { modes_.push_back(module.is_training()); });
  }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;
  ~ModeGuard() {
    auto mode = modes_.begin();
    detail::for_each_module(unwrap(model_), [&](auto& module) {  // outer ones first, which switch inner ones too
      if (mode != modes_.end()) detail::set_module_training(module, *mode++);
    });
  }

 private:
  Model& model_;
  std::vector<bool> modes_;
};

}  // namespace hone
