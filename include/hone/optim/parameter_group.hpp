// SPDX-License-Identifier: Apache-2.0
/// Parameters with their names, and groups of them that share settings.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "hone/optim/rule.hpp"

namespace hone {

/// A parameter and the name that a checkpoint knows it by.
struct NamedParameter {
  std::string name;
  at::Tensor value;
};

/// Parameters in the order in which the model lists them.
using NamedParameters = std::vector<NamedParameter>;

/// The parameters of a module, a module holder, a smart pointer to a module or a `torch::jit::Module`, each tensor once
/// under its first name. `prefix` goes before each name, so that a part of a model keeps the names of the whole.
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
  } else {
    return named_parameters(*model, prefix);
  }
}

/// The parameters that are to be trained: those that require a gradient.
[[nodiscard]] inline NamedParameters trainable(NamedParameters parameters) {
  std::erase_if(parameters, [](const NamedParameter& parameter) { return !parameter.value.requires_grad(); });
  return parameters;
}

template <OptimizerRule Rule>
class FusedOptimizer;

/// Parameters next to each other in an optimizer's list, and the settings that they share. `settings` may be changed at
/// any time and counts from the next step on.
template <OptimizerRule Rule>
class ParameterGroup {
 public:
  Rule settings;

  /// The learning rate with which the group was made: what schedules start from.
  [[nodiscard]] double base_lr() const { return base_lr_; }
  /// The place of the group's first parameter in the optimizer's list, and how many there are.
  [[nodiscard]] std::size_t first() const { return first_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  friend class FusedOptimizer<Rule>;
  ParameterGroup(const Rule& rule, std::size_t first, std::size_t size)
      : settings(rule), base_lr_(rule.lr), first_(first), size_(size) {}

  double base_lr_;
  std::size_t first_;
  std::size_t size_;
  std::array<bool, Rule::state_names.size()> kept_{};  // the fields that every parameter of the group has by now
  bool shares_step_ = true;                            // one tensor counts for all, as long as all move together
};

}  // namespace hone
