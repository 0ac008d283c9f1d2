// SPDX-License-Identifier: Apache-2.0
/// What the loop does with a model: call it, switch its mode, move it. A model is anything with `forward`: a
/// `torch::nn::Module`, its holder, a smart pointer or `std::ref` to one, a `torch::jit::Module`.
#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <type_traits>
#include <vector>

#include "hone/core/pointee.hpp"

namespace hone {

/// Can be called with these inputs.
template <class Model, class... Inputs>
concept ForwardableWith = requires(PointeeOf<Model>& model, Inputs&... inputs) {
  model.forward(inputs...);
} || requires(PointeeOf<Model>& model, Inputs&... inputs) { model.forward({inputs...}).toTensor(); };

/// Optional ability: while it is in training mode, one call computes the loss and its gradients, with no graph. They
/// wait in the model until `hand_over_gradients` adds them, times the batch's share of its window, to those of the
/// parameters.
template <class Model>
concept ComputesGradients = requires(PointeeOf<Model>& model, double share) { model.hand_over_gradients(share); };

/// Calls a loss: a function, or a module or its holder.
template <class Loss, class Outputs, class Target>
at::Tensor loss_of(Loss& loss, const Outputs& outputs, Target& target) {
  if constexpr (requires { loss(outputs, target); }) {
    return loss(outputs, target);
  } else {
    return pointee(loss).forward(outputs, target);
  }
}

namespace detail {

/// A `torch::jit::Module`. It has a mode when it has the attribute `training`, which one built in C++ may lack.
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
    f(outer);  // it need not be held by a shared pointer, as `modules()` would want
    for (const auto& module : outer.modules(/*include_self=*/false)) f(*module);
  } else if constexpr (requires { outer.is_training(); }) {
    f(outer);
  }
}

}  // namespace detail

/// Switches a model, and all modules in it, to training or to evaluation, where it has such modes.
template <class Model>
void set_training(Model& model, bool on) {
  auto& target = pointee(model);
  if constexpr (detail::Scripted<std::remove_reference_t<decltype(target)>>) {
    detail::for_each_module(target, [on](auto& module) { detail::set_module_training(module, on); });
  } else if constexpr (requires { target.train(on); }) {
    target.train(on);
  }
}

/// Whether a model is in training; one without modes always is.
template <class Model>
[[nodiscard]] bool is_training(Model& model) {
  auto& target = pointee(model);
  if constexpr (requires {
                  { target.is_training() } -> std::convertible_to<bool>;
                }) {
    return target.is_training();
  } else {
    return true;
  }
}

/// Moves a model's parameters and buffers, where it can be moved.
template <class Model>
void move_to(Model& model, c10::Device device) {
  if constexpr (auto& target = pointee(model); requires { target.to(device); }) target.to(device);
}

/// Remembers the mode of every module in a model and brings it back.
template <class Model>
class ModeGuard {
 public:
  explicit ModeGuard(Model& model) : model_(model) {
    detail::for_each_module(pointee(model_), [this](auto& module) { modes_.push_back(module.is_training()); });
  }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;
  ~ModeGuard() {
    auto mode = modes_.begin();
    detail::for_each_module(pointee(model_), [&](auto& module) {  // inner modules have the last word
      if (mode != modes_.end()) detail::set_module_training(module, *mode++);
    });
  }

 private:
  Model& model_;
  std::vector<bool> modes_;
};

}  // namespace hone
