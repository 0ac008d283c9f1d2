// SPDX-License-Identifier: Apache-2.0
/// The settings and the state of `torch::optim` optimizers under their names in Python's PyTorch.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <cmath>
#include <cstdint>
#include <string_view>
#include <tuple>

#include "hone/checkpoint/optimizer_state_dict.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

/// The defaults for the specializations of `TorchFormOf`.
struct TorchForm {
  static constexpr bool from_the_beginning = false;  // true: parameters have state before the first update
  /// Settings that Python's optimizer adds to states of older versions, with its values for them.
  static Dict added_later() { return {{"nesterov", false}, {"amsgrad", false}}; }
  /// Settings that LibTorch's optimizer lacks, with the values that turn them off.
  static Dict only_python() {
    return {{"maximize", false}, {"foreach", None()}, {"differentiable", false}, {"fused", None()}};
  }
};

/// The settings and the state of an optimizer, field by field. The last argument of a state's `field` is true if the
/// settings require the field.
template <class O>
struct TorchFormOf;

template <>
struct TorchFormOf<torch::optim::SGD> : TorchForm {
  static constexpr std::string_view name = "SGD";
  using Options = torch::optim::SGDOptions;
  using State = torch::optim::SGDParamState;
  static void settings(auto& options, const auto& field) {
    field("lr", options.lr());
    field("momentum", options.momentum());
    field("dampening", options.dampening());
    field("weight_decay", options.weight_decay());
    field("nesterov", options.nesterov());
  }
  static void state(auto& state, const auto& options, const auto& field) {
    field("momentum_buffer", state.momentum_buffer(), options.momentum() != 0);
  }
};

template <class OptionsOf, class StateOf>
struct TorchAdamForm : TorchForm {
  using Options = OptionsOf;
  using State = StateOf;
  static void settings(auto& options, const auto& field) {
    field("lr", options.lr());
    field("betas", options.betas());
    field("eps", options.eps());
    field("weight_decay", options.weight_decay());
    field("amsgrad", options.amsgrad());
  }
  static void state(auto& state, const auto& options, const auto& field) {
    field("step", state.step(), true);
    field("exp_avg", state.exp_avg(), true);
    field("exp_avg_sq", state.exp_avg_sq(), true);
    field("max_exp_avg_sq", state.max_exp_avg_sq(), options.amsgrad());
  }
  static Dict only_python(bool decoupled) {
    Dict result = TorchForm::only_python();
    result.set("capturable", false);
    result.set("decoupled_weight_decay", decoupled);
    return result;
  }
};
template <>
struct TorchFormOf<torch::optim::Adam> : TorchAdamForm<torch::optim::AdamOptions, torch::optim::AdamParamState> {
  static constexpr std::string_view name = "Adam";
  static Dict only_python() { return TorchAdamForm::only_python(false); }
};
template <>
struct TorchFormOf<torch::optim::AdamW> : TorchAdamForm<torch::optim::AdamWOptions, torch::optim::AdamWParamState> {
  static constexpr std::string_view name = "AdamW";
  static Dict only_python() { return TorchAdamForm::only_python(true); }
};

template <>
struct TorchFormOf<torch::optim::RMSprop> : TorchForm {
  static constexpr std::string_view name = "RMSprop";
  using Options = torch::optim::RMSpropOptions;
  using State = torch::optim::RMSpropParamState;
  static void settings(auto& options, const auto& field) {
    field("lr", options.lr());
    field("momentum", options.momentum());
    field("alpha", options.alpha());
    field("eps", options.eps());
    field("centered", options.centered());
    field("weight_decay", options.weight_decay());
  }
  static void state(auto& state, const auto& options, const auto& field) {
    field("step", state.step(), true);
    field("square_avg", state.square_avg(), true);
    field("momentum_buffer", state.momentum_buffer(), options.momentum() > 0);
    field("grad_avg", state.grad_avg(), options.centered());
  }
  static Dict only_python() {
    return {{"capturable", false}, {"foreach", None()}, {"maximize", false}, {"differentiable", false}};
  }
  static Dict added_later() { return {{"momentum", 0.0}, {"centered", false}}; }
};

template <>
struct TorchFormOf<torch::optim::Adagrad> : TorchForm {
  static constexpr std::string_view name = "Adagrad";
  static constexpr bool from_the_beginning = true;
  using Options = torch::optim::AdagradOptions;
  using State = torch::optim::AdagradParamState;
  static void settings(auto& options, const auto& field) {
    field("lr", options.lr());
    field("lr_decay", options.lr_decay());
    field("eps", options.eps());
    field("weight_decay", options.weight_decay());
    field("initial_accumulator_value", options.initial_accumulator_value());
  }
  static void state(auto& state, const auto& /*options*/, const auto& field) {
    field("step", state.step(), true);
    field("sum", state.sum(), true);
  }
};

/// Sets a field of the options to a value from a file.
inline void take_setting(const Value& value, bool& to) { to = value.get<bool>(); }
inline void take_setting(const Value& value, double& to) { to = setting_number(value); }
inline void take_setting(const Value& value, std::tuple<double, double>& to) {
  const auto items = value.items();
  if (items.size() != 2) throw DataError(format_message("There are {} betas, expected 2.", {items.size()}));
  to = {setting_number(items[0]), setting_number(items[1])};
}
inline Value setting_value(bool value) { return value; }
inline Value setting_value(double value) { return value; }
inline Value setting_value(const std::tuple<double, double>& value) {
  return Tuple{{std::get<0>(value), std::get<1>(value)}};
}

/// Sets a field of a parameter's state to a value from a file; a tensor becomes a copy like `parameter`.
inline void take_field(const Value& value, std::int64_t& to, const at::Tensor& /*parameter*/) {
  const double number = setting_number(value);  // a tensor, or a number in old files
  if (!(number >= 0 && number < 0x1p53 && std::trunc(number) == number)) {
    throw DataError(format_message("{} is not a number of steps.", {number}));
  }
  to = static_cast<std::int64_t>(number);
}
inline void take_field(const Value& value, at::Tensor& to, const at::Tensor& parameter) {
  const auto& tensor = value.get<at::Tensor>();
  if (!tensor.defined() || tensor.sizes() != parameter.sizes()) {
    throw DataError(format_message("This is {}, expected a tensor of shape [{}].",
                                   {value.description(), joined(parameter.sizes(), ", ")}));
  }
  to = at::empty_like(parameter).copy_(tensor);
}
inline Value field_value(std::int64_t step) { return at::scalar_tensor(step, at::kFloat); }
inline Value field_value(const at::Tensor& tensor) { return tensor; }

}  // namespace hone::detail
