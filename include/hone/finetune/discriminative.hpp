// SPDX-License-Identifier: Apache-2.0
/// Learning rates that fall from the head of a model to its first layers.
#pragma once

#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <unordered_set>
#include <utility>
#include <vector>

#include "hone/core/finite.hpp"
#include "hone/core/sentence.hpp"
#include "hone/finetune/layers.hpp"
#include "hone/optim/fused_optimizer.hpp"

namespace hone {

/// The trainable parameters of a layer group and their learning rate.
struct LearningRateGroup {
  std::size_t layer_group;
  double lr;
  NamedParameters parameters;
};

/// A group for each layer group with trainable parameters, the first one first. The last layer group learns with
/// `base_lr`, each one before it with `factor` times the rate of the one behind it, frozen ones counted.
///
/// **Errors** `std::invalid_argument` for a negative `base_lr`, or a `factor` that is not above 0.
/// **Source** J. Howard, S. Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018, with a factor
/// of 1 / 2.6.
template <ModuleHandle Model>
[[nodiscard]] std::vector<LearningRateGroup> discriminative_groups(Model& model, double base_lr, double factor) {
  detail::require_not_negative("discriminative_groups", "base_lr", base_lr);
  if (!detail::is_finite(factor) || factor <= 0.0) {
    throw std::invalid_argument(
        sentence("discriminative_groups: factor is {}. Give a finite factor above 0, as 0.5.", {factor}));
  }
  const auto module = detail::shared_module(model);
  const std::size_t count = detail::num_layer_groups(*module);
  std::vector<LearningRateGroup> groups(count);
  for (std::size_t i = 0; i < count; ++i) {
    groups[i].layer_group = i;
    groups[i].lr = base_lr * std::pow(factor, static_cast<double>(count - 1 - i));
  }
  std::unordered_set<const at::TensorImpl*> seen;  // a shared parameter learns with the first group that has it
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

/// An optimizer over those groups; `settings.lr` is the rate of the last layer group.
///
/// **Errors** as above, and `std::invalid_argument` for a model without trainable parameters.
/// **Example** `hone::Trainer{model, loss, hone::discriminative_optimizer(model, hone::Adam{.lr = 1e-3}, 0.5)}`
template <ModuleHandle Model, OptimizerRule Rule>
[[nodiscard]] FusedOptimizer<Rule> discriminative_optimizer(Model& model, const Rule& settings, double factor) {
  auto groups = discriminative_groups(model, settings.lr, factor);
  if (groups.empty()) groups.emplace_back();  // the optimizer says what is wrong with that
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
