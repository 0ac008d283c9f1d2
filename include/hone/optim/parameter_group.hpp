// SPDX-License-Identifier: Apache-2.0
/// Parameters with their names, and groups of them that share settings.
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

#include "hone/core/pointee.hpp"
#include "hone/core/sentence.hpp"
#include "hone/optim/rule.hpp"

namespace hone {

/// A parameter and the name that a checkpoint knows it by.
struct NamedParameter {
  std::string name;
  at::Tensor value;
};

/// Parameters in the order in which the model lists them.
using NamedParameters = std::vector<NamedParameter>;

/// The parameters of a module, of a handle to one (see `pointee`) or of a `torch::jit::Module`, each tensor once under
/// its first name; none of a type that names no parameters. `prefix` goes before each name, so that a part of a model
/// keeps the names of the whole.
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
  } else if constexpr (!std::is_same_v<PointeeOf<const Model>, Model>) {
    return named_parameters(pointee(model), prefix);
  } else {
    return {};
  }
}

/// A model's buffers, where it has such; what is there may be changed in place.
template <class Model>
[[nodiscard]] std::vector<at::Tensor> buffers_of(Model& model) {
  std::vector<at::Tensor> result;
  if constexpr (auto& target = pointee(model); requires { target.buffers(); }) {
    for (const at::Tensor& buffer : target.buffers()) {
      if (buffer.defined()) result.push_back(buffer);
    }
  }
  return result;
}

/// The parameters that are to be trained: those that require a gradient.
[[nodiscard]] NamedParameters trainable(NamedParameters parameters);

namespace detail {

/// Throws unless an optimizer that holds `present` under `present_names` can take `added` as well.
void require_usable(const NamedParameters& added, at::TensorList present, std::span<const std::string> present_names);

/// A line for each parameter: name, format and shape.
std::string description(const NamedParameters& parameters);

/// The names of at most eight parameters, in quotes.
std::string parameter_names(const std::vector<std::string>& names);

/// Throws where an optimizer and a model have no parameter in common. `model` may be empty: nothing is known then.
void require_common(at::TensorList optimized, const NamedParameters& model);

}  // namespace detail

template <OptimizerRule Rule>
class FusedOptimizer;

/// Parameters next to each other in an optimizer's list, and the settings that they share. `settings` may be changed at
/// any time and counts from the next step on.
template <OptimizerRule Rule>
class ParameterGroup {
 public:
  Rule settings;

  /// The learning rate with which the group was made: what schedules start from.
  [[nodiscard]] double base_lr() const { return base_.lr; }
  void set_base_lr(double lr) { base_.lr = lr; }
  /// The settings with which the group was made: what schedules of other fields start from.
  [[nodiscard]] const Rule& base_settings() const { return base_; }
  /// The place of the group's first parameter in the optimizer's list, and how many there are.
  [[nodiscard]] std::size_t first() const { return first_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  friend class FusedOptimizer<Rule>;
  ParameterGroup(const Rule& rule, std::size_t first, std::size_t size)
      : settings(rule), base_(rule), first_(first), size_(size) {}

  Rule base_;
  std::size_t first_;
  std::size_t size_;
  std::array<bool, Rule::state_names.size()> kept_{};  // the fields that every parameter of the group has by now
  bool shares_step_ = true;                            // one tensor counts for all, as long as all move together
  at::Tensor lr_;                                      // on the device, where updates are recorded
  double written_lr_ = 0.0;                            // what it holds
};

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/optim/parameter_group.ipp"
#endif
