// SPDX-License-Identifier: Apache-2.0
/// Named parameters, and parameter groups with common settings.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "hone/core/format_message.hpp"
#include "hone/core/unwrap.hpp"
#include "hone/optim/rule.hpp"

namespace hone {

/// A parameter and its name in checkpoints.
struct NamedParameter {
  std::string name;
  at::Tensor value;
};

/// Parameters in the order in which the model lists them.
using NamedParameters = std::vector<NamedParameter>;

/// Returns the parameters of a module, of a handle to one (see `pointee`) or of a `torch::jit::Module`, each tensor
/// once under its first name. Returns an empty list for a type without `named_parameters`. `prefix` is prepended to
/// each name, so that the parameters of a submodule have the same names as in the whole model.
///
/// **Example** `hone::named_parameters(model->head, "head.")`
template <class Model>
[[nodiscard]] NamedParameters named_parameters(const Model& model, std::string_view prefix = "") {
  if constexpr (requires { model.named_parameters(); }) {
    NamedParameters result;
    std::unordered_set<const at::TensorImpl*> seen;
    const auto add = [&](const std::string& name, const at::Tensor& value) {
      if (value.defined() && seen.insert(value.unsafeGetTensorImpl()).second) {
        result.push_back({std::string(prefix) + name, value});
      }
    };
    for (const auto& item : model.named_parameters()) {
      if constexpr (requires { item.key(); }) {
        add(item.key(), item.value());
      } else {
        add(item.name, item.value);
      }
    }
    return result;
  } else if constexpr (!std::is_same_v<UnwrapRef<const Model>, Model>) {
    return named_parameters(unwrap(model), prefix);
  } else {
    return {};
  }
}

/// Returns the defined buffers of a model, or an empty list for a model without `buffers()`. The tensors alias the
/// buffers.
template <class Model>
[[nodiscard]] std::vector<at::Tensor> buffers_of(Model& model) {
  std::vector<at::Tensor> result;
  if constexpr (auto& target = unwrap(model); requires { target.buffers(); }) {
    for (const at::Tensor& buffer : target.buffers()) {
      if (buffer.defined()) result.push_back(buffer);
    }
  }
  return result;
}

/// Returns the parameters that require a gradient.
[[nodiscard]] NamedParameters trainable(NamedParameters parameters);

namespace detail {

/// Throws `std::invalid_argument` if `added` cannot join an optimizer with the parameters `present`.
void require_usable(const NamedParameters& added, at::TensorList present, std::span<const std::string> present_names);

/// Returns a line for each parameter: name, dtype, shape, and `frozen` if it does not require a gradient.
std::string description(const NamedParameters& parameters);

/// Returns the first eight names in quotes, and the number of further names.
std::string parameter_names(const std::vector<std::string>& names);

/// Throws `std::invalid_argument` if an optimizer and a model have no common parameter. Accepts an empty `model`.
void require_common(at::TensorList optimized, const NamedParameters& model);

}  // namespace detail

template <OptimizerRule Rule>
class FusedOptimizer;

/// A contiguous range of an optimizer's parameters, and their common settings. A change of `settings` takes effect at
/// the next step.
template <OptimizerRule Rule>
class ParameterGroup {
 public:
  Rule settings;

  /// The base value of learning rate schedules: by default, the learning rate at the group's creation.
  [[nodiscard]] double base_lr() const { return base_.lr; }
  void set_base_lr(double lr) { base_.lr = lr; }  ///< Sets this value.
  /// The settings at the group's creation, with `base_lr()`: the base values of schedules.
  [[nodiscard]] const Rule& base_settings() const { return base_; }
  /// The index of the group's first parameter in the optimizer's list, and the number of its parameters.
  [[nodiscard]] std::size_t first() const { return first_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  friend class FusedOptimizer<Rule>;
  ParameterGroup(const Rule& rule, std::size_t first, std::size_t size)
      : settings(rule), base_(rule), first_(first), size_(size) {}

  Rule base_;
  std::size_t first_;
  std::size_t size_;
  std::array<bool, Rule::state_names.size()> kept_{};  // whether every parameter of the group has the field
  bool shares_step_ = true;                            // whether one tensor is the step counter of all parameters
  at::Tensor lr_;                                      // the learning rate on the device, for captured steps
  double written_lr_ = 0.0;                            // the value of `lr_`
};

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/optim/parameter_group.ipp"
#endif
