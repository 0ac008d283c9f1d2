// SPDX-License-Identifier: Apache-2.0
/// The state of `torch::optim` optimizers in the format that Python's `torch.optim` loads and saves.
///
/// | optimizer | state of a parameter |
/// | --- | --- |
/// | `SGD` | `momentum_buffer`, with momentum |
/// | `Adam`, `AdamW` | `step`, `exp_avg`, `exp_avg_sq`, and with amsgrad `max_exp_avg_sq` |
/// | `RMSprop` | `step`, `square_avg`, with momentum `momentum_buffer`, centered `grad_avg` |
/// | `Adagrad` | `step`, `sum`, from the beginning |
///
/// A `torch::optim::Optimizer` may have any of these dynamic types. LibTorch's archive format is not used, because
/// reading it may run code.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>
#include <c10/util/Type.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "hone/checkpoint/optimizer_state_dict.hpp"
#include "hone/checkpoint/torch_forms.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/optim/torch_optimizer.hpp"

namespace hone {

namespace detail {

/// Returns the options of a group of a file.
///
/// **Errors** `DataError` for a missing or invalid setting, and for one that LibTorch's optimizer lacks (`maximize`).
template <class O, class Options>
std::unique_ptr<Options> torch_options(const Dict& group, const Options& present) {
  using Form = TorchFormOf<O>;
  auto result = std::make_unique<Options>(present);
  const Dict added = Form::added_later();
  Form::settings(*result, [&](std::string_view name, auto& to) {
    take_setting(source_of_setting(group, name, added).at(name), to);
  });
  const auto is_on = [](const Value* flag) { return flag != nullptr && flag->is<bool>() && flag->get<bool>(); };
  if (is_on(group.find("maximize"))) {
    throw DataError(
        "It has maximize = True, which torch::optim does not support. Use an optimizer of hone, such as hone::Adam.");
  }
  const Dict ours = Form::only_python();
  const Value *decoupled = group.find("decoupled_weight_decay"), *our_decoupled = ours.find("decoupled_weight_decay");
  if (decoupled != nullptr && our_decoupled != nullptr && is_on(decoupled) != is_on(our_decoupled)) {
    throw DataError(
        format_message("The state was saved by {}. Use this optimizer.", {is_on(decoupled) ? "AdamW" : "Adam"}));
  }
  try {
    static_cast<void>(O(std::vector<at::Tensor>(), *result));  // the constructor checks the options
  } catch (const c10::Error& error) {
    throw DataError(format_message("{}. Load another file.", {detail::first_line(error.what_without_backtrace())}));
  }
  return result;
}

/// Returns the state of a parameter of a file; null if the file has none and the first update creates it.
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
      throw DataError(format_message("'{}': {}", {name, error.what()}));
    }
  });
  if (fields != nullptr) {
    for (const auto& [key, value] : fields->get<Dict>()) {
      const auto& name = key.template get<std::string>();
      if (!value.is_none() && std::find(known.begin(), known.end(), name) == known.end()) {
        throw DataError(format_message("It has the field '{}', which {} does not have.", {name, Form::name}));
      }
    }
  }
  const bool is_fresh = num_present == 0 && !Form::from_the_beginning;  // the first update creates it
  if (!is_fresh && !missing.empty())
    throw DataError(format_message("It has no '{}'.", {joined(missing, "' and no '")}));
  if (is_fresh) result.reset();
  return result;
}

}  // namespace detail

/// A `torch::optim` optimizer type of the table above.
template <class O>
concept HasTorchForm = requires { typename detail::TorchFormOf<O>::State; };

namespace detail {

/// `base_lr(group)` returns the learning rate that schedules start from.
template <HasTorchForm O, class BaseLr>
[[nodiscard]] Dict torch_state_dict(const O& torch, const BaseLr& base_lr) {
  using Form = TorchFormOf<O>;
  Dict state;
  List groups;
  std::int64_t index = 0;
  for (const auto& group : torch.param_groups()) {
    const auto& options = static_cast<const typename Form::Options&>(group.options());
    Dict settings;
    Form::settings(options,
                   [&](std::string_view name, const auto& value) { settings.set(name, setting_value(value)); });
    for (const auto& [key, value] : Form::only_python()) settings.set(key, value);
    settings.set("initial_lr", base_lr(groups.size()));
    List parameters;
    for (const auto& parameter : group.params()) {
      if (const auto found = torch.state().find(parameter.unsafeGetTensorImpl()); found != torch.state().end()) {
        Dict fields;
        Form::state(static_cast<const typename Form::State&>(*found->second), options,
                    [&](std::string_view name, const auto& value, bool /*is_needed*/) {
                      if constexpr (std::same_as<std::remove_cvref_t<decltype(value)>, at::Tensor>) {
                        if (!value.defined()) return;
                      }
                      fields.set(name, field_value(value));
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

/// `optimizer` is the `TorchOptimizer` that contains `torch`.
template <HasTorchForm O>
void load_torch_state_dict(O& torch, auto& optimizer, const Value& value) {
  using Form = TorchFormOf<O>;
  const auto fail = [](const std::string& what) {
    throw DataError(format_message("The optimizer state does not match the optimizer; nothing was loaded. {}", {what}));
  };
  const auto& state = value.get<Dict>().get<Dict>("state");
  const auto saved = value.at("param_groups").items();
  if (saved.size() != optimizer.num_groups()) {
    fail(format_message("It has {} parameter groups, the optimizer has {}. Make the same groups.",
                        {saved.size(), optimizer.num_groups()}));
  }
  const at::NoGradGuard no_gradients;
  std::vector<std::unique_ptr<typename Form::Options>> options;
  std::vector<double> base_lrs;
  std::vector<std::pair<void*, std::unique_ptr<typename Form::State>>> states;
  for (std::size_t g = 0; g < saved.size(); ++g) {
    const auto& group = torch.param_groups()[g];
    try {
      const auto& settings = saved[g].template get<Dict>();
      const auto indices = settings.at("params").items();
      if (indices.size() != group.params().size()) {
        throw DataError(format_message("It has {} parameters, the optimizer's group has {}.",
                                       {indices.size(), group.params().size()}));
      }
      options.push_back(torch_options<O>(settings, static_cast<const typename Form::Options&>(group.options())));
      const Value* base_lr = settings.find("initial_lr");
      base_lrs.push_back(base_lr == nullptr ? optimizer.base_lr(g) : setting_number(*base_lr));
      for (std::size_t p = 0; p < indices.size(); ++p) {
        const auto& parameter = group.params()[p];
        try {
          states.emplace_back(parameter.unsafeGetTensorImpl(),
                              torch_state<O>(state.find(indices[p]), *options.back(), parameter));
        } catch (const DataError& error) {
          throw DataError(format_message("Parameter {}: {}", {p, error.what()}));
        }
      }
    } catch (const DataError& error) {
      fail(format_message("Group {}: {}", {g, error.what()}));
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

/// Calls `f` with `optimizer` as its dynamic type.
///
/// **Errors** `std::invalid_argument` for a dynamic type that is not in the table above.
template <class F>
void with_torch_form(torch::optim::Optimizer& optimizer, const F& f) {
  const auto is_a = [&]<class O>(std::type_identity<O>) {
    if (typeid(optimizer) != typeid(O)) return false;
    f(static_cast<O&>(optimizer));
    return true;
  };
  const bool is_known =
      is_a(std::type_identity<torch::optim::SGD>{}) || is_a(std::type_identity<torch::optim::Adam>{}) ||
      is_a(std::type_identity<torch::optim::AdamW>{}) || is_a(std::type_identity<torch::optim::RMSprop>{}) ||
      is_a(std::type_identity<torch::optim::Adagrad>{});
  if (is_known) return;
  throw std::invalid_argument(format_message(
      "The optimizer is passed as torch::optim::Optimizer and is a {}, whose state hone cannot save. Pass it "
      "by its own type with a member `void serialize(auto& archive)`, or set .save_optimizer = false.",
      {c10::demangle(typeid(optimizer).name())}));
}

}  // namespace detail

/// Returns the optimizer's state as `optimizer.state_dict()` in Python, with the `initial_lr` that PyTorch's schedulers
/// add. Tensors share memory with the optimizer, except `step`: clone them to keep their values.
///
/// **Cost** no copy of a tensor of a parameter's size.
template <HasTorchForm O>
[[nodiscard]] Dict optimizer_state_dict(const TorchOptimizer<O>& optimizer) {
  return detail::torch_state_dict(optimizer.torch_optimizer(),
                                  [&](std::size_t group) { return optimizer.base_lr(group); });
}
/// The overload for an optimizer whose type is known only at run time.
///
/// **Errors** `std::invalid_argument` for a dynamic type that is not in the table above.
template <std::same_as<torch::optim::Optimizer> O>
[[nodiscard]] Dict optimizer_state_dict(const TorchOptimizer<O>& optimizer) {
  Dict result;
  detail::with_torch_form(const_cast<O&>(optimizer.torch_optimizer()), [&](const auto& torch) {
    result = detail::torch_state_dict(torch, [&](std::size_t group) { return optimizer.base_lr(group); });
  });
  return result;
}

/// Loads settings and state from `optimizer_state_dict` or from Python's `optimizer.state_dict()`. Matches parameters
/// by their order, as Python does. Also loads `initial_lr`, the learning rate that schedules start from. Missing
/// settings that older versions of PyTorch lack get PyTorch's values.
///
/// **Errors** `DataError` if groups, settings or shapes do not fit. The optimizer is unchanged then.
template <HasTorchForm O>
void load_optimizer_state_dict(TorchOptimizer<O>& optimizer, const Value& value) {
  detail::load_torch_state_dict(optimizer.torch_optimizer(), optimizer, value);
}
/// The overload for an optimizer whose type is known only at run time.
///
/// **Errors** also `std::invalid_argument` for a dynamic type that is not in the table above.
template <std::same_as<torch::optim::Optimizer> O>
void load_optimizer_state_dict(TorchOptimizer<O>& optimizer, const Value& value) {
  detail::with_torch_form(optimizer.torch_optimizer(),
                          [&](auto& torch) { detail::load_torch_state_dict(torch, optimizer, value); });
}

}  // namespace hone
