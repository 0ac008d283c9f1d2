// SPDX-License-Identifier: Apache-2.0
/// Learning rates that decrease from the last layer group of a model to the first.
#pragma once

#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <unordered_set>
#include <utility>
#include <vector>

#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"
#include "hone/finetune/layers.hpp"
#include "hone/optim/fused_optimizer.hpp"

namespace hone {

/// The trainable parameters of a layer group and their learning rate.
struct LearningRateGroup {
  std::size_t layer_group;  ///< The index of the layer group.
  double lr;                ///< The learning rate of the parameters.
  NamedParameters parameters;
};

/// Returns a parameter group for each layer group with trainable parameters, in the order of the layer groups. The
/// learning rate of the last layer group is `base_lr`. The rate of each earlier layer group, frozen ones included, is
/// `factor` times the rate of the next.
///
/// **Errors** `std::invalid_argument` unless `base_lr` is finite and at least 0, and `factor` finite and above 0.
/// **Source** J. Howard, S. Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018, with a factor
/// of 1 / 2.6.
template <ModuleHandle Model>
[[nodiscard]] std::vector<LearningRateGroup> discriminative_groups(Model& model, double base_lr, double factor) {
  detail::require_not_negative("discriminative_groups", "base_lr", base_lr);
  if (!detail::is_finite(factor) || factor <= 0.0) {
    throw std::invalid_argument(format_message(
        "discriminative_groups: factor is {}. Set it to a finite number greater than 0, such as 0.5.", {factor}));
  }
  const auto module = detail::shared_module(model);
  const std::size_t count = detail::num_layer_groups(*module);
  std::vector<LearningRateGroup> groups(count);
  for (std::size_t i = 0; i < count; ++i) {
    groups[i].layer_group = i;
    groups[i].lr = base_lr * std::pow(factor, static_cast<double>(count - 1 - i));
  }
  std::unordered_set<const at::TensorImpl*> seen;  // a shared parameter belongs to its first group
  for (auto& node : detail::nodes_of(*module)) {
    for (auto& parameter : trainable(std::move(node.parameters))) {
      if (seen.insert(parameter.value.unsafeGetTensorImpl()).second) {
        groups[node.group].parameters.push_back(std::move(parameter));
      }
    }
  }
  std::erase_if(groups, [](const LearningRateGroup& group) { return group.parameters.empty(); });
  return groups;
}

/// Returns an optimizer over the `discriminative_groups` of a model. `settings.lr` is their `base_lr`.
///
/// **Errors** as `discriminative_groups`, and `std::invalid_argument` for a model without trainable parameters.
/// **Example** `hone::Trainer{model, loss, hone::discriminative_optimizer(model, hone::Adam{.lr = 1e-3}, 0.5)}`
template <ModuleHandle Model, OptimizerRule Rule>
[[nodiscard]] FusedOptimizer<Rule> discriminative_optimizer(Model& model, const Rule& settings, double factor) {
  auto groups = discriminative_groups(model, settings.lr, factor);
  if (groups.empty()) groups.emplace_back();  // the constructor of the optimizer throws
  Rule own = settings;
  own.lr = groups.front().lr;
  FusedOptimizer<Rule> optimizer(std::move(groups.front().parameters), own);
  for (std::size_t i = 1; i < groups.size(); ++i) {
    own.lr = groups[i].lr;
    optimizer.add_group(std::move(groups[i].parameters), own);
  }
  return optimizer;
}

}  // namespace hone
