// SPDX-License-Identifier: Apache-2.0
/// The state of `torch::optim` optimizers in PyTorch's form, for those of `torch.optim` in Python to take over and to
/// take over from.
///
/// | optimizer | what it remembers of a parameter |
/// | --- | --- |
/// | `SGD` | `momentum_buffer`, with momentum |
/// | `Adam`, `AdamW` | `step`, `exp_avg`, `exp_avg_sq`, and with amsgrad `max_exp_avg_sq` |
/// | `RMSprop` | `step`, `square_avg`, with momentum `momentum_buffer`, centered `grad_avg` |
/// | `Adagrad` | `step`, `sum`, from the beginning |
///
/// LibTorch's own archives are not used: to read one may run code.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/checkpoint/optimizer_state_dict.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/optim/torch_optimizer.hpp"

namespace torch::optim {  // `torch/optim/*.h` define them, for who uses them
class SGD;
class Adam;
class AdamW;
class RMSprop;
class Adagrad;
struct SGDOptions;
struct AdamOptions;
struct AdamWOptions;
struct RMSpropOptions;
struct AdagradOptions;
struct SGDParamState;
struct AdamParamState;
struct AdamWParamState;
struct RMSpropParamState;
struct AdagradParamState;
}  // namespace torch::optim

namespace hone {

namespace detail {

/// What Python's optimizer can do and LibTorch's cannot, as it is when it is off.
struct TorchForm {
  static constexpr bool from_the_beginning = false;  // every parameter has its state
  static Dict only_python() {
    return {{"maximize", false}, {"foreach", None()}, {"differentiable", false}, {"fused", None()}};
  }
};

/// The settings and the state of an optimizer, field by field. A field of the state is there or not by the settings.
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

/// Sets a field of the options to a value of a file.
inline void take_setting(const Value& value, bool& to) { to = value.get<bool>(); }
inline void take_setting(const Value& value, double& to) { to = setting_number(value); }
inline void take_setting(const Value& value, std::tuple<double, double>& to) {
  const auto items = value.items();
  if (items.size() != 2) throw DataError(sentence("There are {} betas, expected 2.", {items.size()}));
  to = {setting_number(items[0]), setting_number(items[1])};
}
inline Value setting_value(bool value) { return value; }
inline Value setting_value(double value) { return value; }
inline Value setting_value(const std::tuple<double, double>& value) {
  return Tuple{{std::get<0>(value), std::get<1>(value)}};
}

/// Sets a field of a parameter's state to a value of a file.
inline void take_field(const Value& value, std::int64_t& to, const at::Tensor& /*parameter*/) {
  const double number = setting_number(value);  // a tensor, or in old files a number
  if (!(number >= 0 && number < 0x1p53 && std::trunc(number) == number)) {
    throw DataError(sentence("{} is no number of steps.", {number}));
  }
  to = static_cast<std::int64_t>(number);
}
inline void take_field(const Value& value, at::Tensor& to, const at::Tensor& parameter) {
  const auto& tensor = value.get<at::Tensor>();
  if (!tensor.defined() || tensor.sizes() != parameter.sizes()) {
    throw DataError(
        sentence("This is {}, expected one of shape [{}].", {value.description(), joined(parameter.sizes(), ", ")}));
  }
  to = at::empty_like(parameter).copy_(tensor);
}
inline Value field_value(std::int64_t step) { return at::scalar_tensor(step, at::kFloat); }
inline Value field_value(const at::Tensor& tensor) { return tensor; }

/// The options of a group of a file.
template <class O, class Options>
std::unique_ptr<Options> torch_options(const Dict& group, const Options& present) {
  using Form = TorchFormOf<O>;
  auto result = std::make_unique<Options>(present);
  Form::settings(*result, [&](std::string_view name, auto& to) { take_setting(group.at(name), to); });
  const auto is_on = [](const Value* flag) { return flag != nullptr && flag->is<bool>() && flag->get<bool>(); };
  if (is_on(group.find("maximize"))) {
    throw DataError("It has maximize = True, which torch::optim cannot do. Take hone's rule.");
  }
  const Dict ours = Form::only_python();
  const Value *decoupled = group.find("decoupled_weight_decay"), *our_decoupled = ours.find("decoupled_weight_decay");
  if (decoupled != nullptr && our_decoupled != nullptr && is_on(decoupled) != is_on(our_decoupled)) {
    throw DataError(sentence("The state is that of {}. Use this optimizer.", {is_on(decoupled) ? "AdamW" : "Adam"}));
  }
  try {
    static_cast<void>(O(std::vector<at::Tensor>(), *result));  // it checks what it is given
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    throw DataError(sentence("{}. Take another file.", {text.substr(0, text.find('\n'))}));
  }
  return result;
}

/// The state of a parameter of a file; none where the file has none.
template <class O, class Options>
auto torch_state(const Value* fields, const Options& options, const at::Tensor& parameter) {
  using Form = TorchFormOf<O>;
  auto result = std::make_unique<typename Form::State>();
  std::size_t num_present = 0;
  std::vector<std::string_view> missing, known;
  Form::state(*result, options, [&](std::string_view name, auto& to, bool is_needed) {
    known.push_back(name);
    const Value* found = fields == nullptr ? nullptr : fields->get<Dict>().find(name);
    if (found == nullptr || found->is_none()) {
      if (is_needed) missing.push_back(name);
      return;
    }
    ++num_present;
    try {
      take_field(*found, to, parameter);
    } catch (const DataError& error) {
      throw DataError(sentence("'{}': {}", {name, error.what()}));
    }
  });
  if (fields != nullptr) {
    for (const auto& [key, value] : fields->get<Dict>()) {
      const auto& name = key.template get<std::string>();
      if (!value.is_none() && std::find(known.begin(), known.end(), name) == known.end()) {
        throw DataError(sentence("It has the field '{}', which {} does not keep.", {name, Form::name}));
      }
    }
  }
  const bool is_fresh = num_present == 0 && !Form::from_the_beginning;  // the first update makes it
  if (!is_fresh && !missing.empty()) throw DataError(sentence("It has no '{}'.", {joined(missing, "' and no '")}));
  if (is_fresh) result.reset();
  return result;
}

}  // namespace detail

/// A `torch::optim` optimizer whose state has a form in PyTorch: `SGD`, `Adam`, `AdamW`, `RMSprop`, `Adagrad`.
template <class O>
concept HasTorchForm = requires { typename detail::TorchFormOf<O>::State; };

/// The optimizer's state as `optimizer.state_dict()` of Python has it. The tensors are the live ones, save `step`:
/// clone what is to be kept. `initial_lr` is there as PyTorch's schedulers leave it.
///
/// **Cost** no copy of any state of a parameter's size.
template <HasTorchForm O>
[[nodiscard]] Dict optimizer_state_dict(const TorchOptimizer<O>& optimizer) {
  using Form = detail::TorchFormOf<O>;
  const O& torch = optimizer.torch_optimizer();
  Dict state;
  List groups;
  std::int64_t index = 0;
  for (const auto& group : torch.param_groups()) {
    const auto& options = static_cast<const typename Form::Options&>(group.options());
    Dict settings;
    Form::settings(options,
                   [&](std::string_view name, const auto& value) { settings.set(name, detail::setting_value(value)); });
    for (const auto& [key, value] : Form::only_python()) settings.set(key, value);
    settings.set("initial_lr", optimizer.base_lr(groups.size()));
    List parameters;
    for (const auto& parameter : group.params()) {
      if (const auto found = torch.state().find(parameter.unsafeGetTensorImpl()); found != torch.state().end()) {
        Dict fields;
        Form::state(static_cast<const typename Form::State&>(*found->second), options,
                    [&](std::string_view name, const auto& value, bool /*is_needed*/) {
                      if constexpr (std::same_as<std::remove_cvref_t<decltype(value)>, at::Tensor>) {
                        if (!value.defined()) return;
                      }
                      fields.set(name, detail::field_value(value));
                    });
        if (!fields.empty()) state.set(index, std::move(fields));
      }
      parameters.push_back(index++);
    }
    settings.set("params", std::move(parameters));
    groups.push_back(std::move(settings));
  }
  return {{"state", std::move(state)}, {"param_groups", std::move(groups)}};
}

/// Takes over settings and state from `optimizer_state_dict` or from Python's `optimizer.state_dict()`, by the order of
/// the parameters, as Python does. Where schedules start from is taken over too (`initial_lr`).
///
/// **Errors** `DataError` when groups, settings or shapes do not fit; nothing was changed then.
template <HasTorchForm O>
void load_optimizer_state_dict(TorchOptimizer<O>& optimizer, const Value& value) {
  using Form = detail::TorchFormOf<O>;
  const auto fail = [](const std::string& what) {
    throw DataError(sentence("The optimizer state does not fit, and nothing of it was loaded. {}", {what}));
  };
  O& torch = optimizer.torch_optimizer();
  const auto& state = value.get<Dict>().get<Dict>("state");
  const auto saved = value.at("param_groups").items();
  if (saved.size() != optimizer.num_groups()) {
    fail(sentence("It has {} parameter groups, the optimizer has {}. Make the same groups.",
                  {saved.size(), optimizer.num_groups()}));
  }
  const at::NoGradGuard no_gradients;
  std::vector<std::unique_ptr<typename Form::Options>> options;
  std::vector<double> base_lrs;
  std::vector<std::pair<void*, std::unique_ptr<typename Form::State>>> states;
  for (std::size_t g = 0; g < saved.size(); ++g) {
    const auto& group = torch.param_groups()[g];
    try {
      const auto& settings = saved[g].get<Dict>();
      const auto indices = settings.at("params").items();
      if (indices.size() != group.params().size()) {
        throw DataError(
            sentence("It has {} parameters, the optimizer's has {}.", {indices.size(), group.params().size()}));
      }
      options.push_back(
          detail::torch_options<O>(settings, static_cast<const typename Form::Options&>(group.options())));
      const Value* base_lr = settings.find("initial_lr");
      base_lrs.push_back(base_lr == nullptr ? optimizer.base_lr(g) : detail::setting_number(*base_lr));
      for (std::size_t p = 0; p < indices.size(); ++p) {
        const auto& parameter = group.params()[p];
        try {
          states.emplace_back(parameter.unsafeGetTensorImpl(),
                              detail::torch_state<O>(state.find(indices[p]), *options.back(), parameter));
        } catch (const DataError& error) {
          throw DataError(sentence("Parameter {}: {}", {p, error.what()}));
        }
      }
    } catch (const DataError& error) {
      fail(sentence("Group {}: {}", {g, error.what()}));
    }
  }
  for (std::size_t g = 0; g < saved.size(); ++g) {
    static_cast<typename Form::Options&>(torch.param_groups()[g].options()) = *options[g];
    optimizer.set_base_lr(g, base_lrs[g]);
  }
  for (auto& [key, fields] : states) {
    if (fields) {
      torch.state()[key] = std::move(fields);
    } else {
      torch.state().erase(key);
    }
  }
}

}  // namespace hone
