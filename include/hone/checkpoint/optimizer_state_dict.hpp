// SPDX-License-Identifier: Apache-2.0
/// The state of hone's optimizers in PyTorch's format, which `torch.optim.SGD`, `Adam` and `AdamW` load and save.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "hone/checkpoint/value.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/optimizer_state.hpp"
#include "hone/optim/rule.hpp"
#include "hone/optim/sgd.hpp"

namespace hone {

/// An optimizer with an `OptimizerRule`, which saves and loads its state by parameter name.
template <class O>
concept RuleOptimizer = OptimizerRule<typename O::rule_type> && requires(O& optimizer, const OptimizerState& state) {
  { optimizer.state() } -> std::same_as<OptimizerState>;
  optimizer.load_state(state);
  optimizer.groups();
  optimizer.names();
};
/// A `RuleOptimizer` whose state is sharded over the ranks; `state()` returns the full state on rank 0.
template <class O>
concept OptimizerShard = RuleOptimizer<O> && requires(const O& optimizer) {
  { optimizer.own_state() } -> std::same_as<OptimizerState>;
  optimizer.own_places();
  optimizer.rank();
  optimizer.world_size();
};

namespace detail {

/// Returns the settings of a group under PyTorch's names. Settings that hone lacks get the value that turns them off.
template <OptimizerRule Rule>
Dict settings_dict(const Rule& settings) {
  Dict result;
  std::apply(
      [&](const auto&... field) {
        const auto add = [&](std::string_view name, auto value) {
          if (name == "beta1") {
            result.set("betas", Tuple{{value}});
          } else if (name == "beta2") {
            result.set("betas", Tuple{{result.at("betas").items()[0], value}});
          } else {
            result.set(name, value);
          }
        };
        (add(field.first, settings.*field.second), ...);
      },
      Rule::fields());
  constexpr bool is_adam = std::same_as<Rule, Adam> || std::same_as<Rule, AdamW>;
  if constexpr (is_adam || std::same_as<Rule, Sgd>) {
    result.set("foreach", None());
    if (is_adam) result.set("capturable", false);
    result.set("differentiable", false);
    result.set("fused", None());
    if (is_adam) result.set("decoupled_weight_decay", std::same_as<Rule, AdamW>);
  }
  return result;
}

/// Returns a setting as a number. It may be a tensor of one element, as PyTorch's learning rate for CUDA graph capture.
///
/// **Errors** `DataError` for any other value.
double setting_number(const Value& value);

/// Returns the dictionary that contains the setting `name`: `added_later` if only that has it, else `group`.
/// `added_later` contains settings that PyTorch adds to states of older versions.
const Dict& source_of_setting(const Dict& group, std::string_view name, const Dict& added_later);

/// Returns the settings of a group of a file.
///
/// **Errors** `DataError` for a missing or invalid entry, `std::invalid_argument` from the rule's `check`.
template <OptimizerRule Rule>
Rule settings_from(const Dict& group, Rule settings) {
  const Dict added_later{{"nesterov", false}, {"maximize", false}, {"amsgrad", false}};
  const auto beta = [&](std::size_t index) {
    const auto betas = group.at("betas").items();
    if (betas.size() != 2) throw DataError(format_message("There are {} betas, expected 2.", {betas.size()}));
    return setting_number(betas[index]);
  };
  std::apply(
      [&](const auto&... field) {
        const auto take = [&](std::string_view name, auto& to) {
          if constexpr (std::same_as<decltype(to), bool&>) {
            to = source_of_setting(group, name, added_later).template get<bool>(name);
          } else {
            to = name == "beta1" ? beta(0) : name == "beta2" ? beta(1) : setting_number(group.at(name));
          }
        };
        (take(field.first, settings.*field.second), ...);
      },
      Rule::fields());
  if constexpr (std::same_as<Rule, Adam> || std::same_as<Rule, AdamW>) {
    constexpr bool decoupled = std::same_as<Rule, AdamW>;
    const Value* found = group.find("decoupled_weight_decay");
    if (found != nullptr && found->get<bool>() != decoupled) {
      throw DataError(format_message("The state was saved by {}. Use this rule.", {decoupled ? "Adam" : "AdamW"}));
    }
  }
  settings.check();
  return settings;
}

/// Returns the state of the parameter `name` from PyTorch's dictionary of its fields; empty if `fields` is null.
ParameterState parameter_state(const std::string& name, const Value* fields);

template <RuleOptimizer O>
[[nodiscard]] Dict optimizer_dict(const O& optimizer, const OptimizerState& entries) {
  Dict state;
  std::int64_t index = 0;
  for (const auto& entry : entries) {
    Dict fields;
    for (const auto& [name, tensor] : entry.fields) fields.set(name, tensor);
    if (!fields.empty()) state.set(index, std::move(fields));
    ++index;
  }
  List groups;
  for (const auto& group : optimizer.groups()) {
    auto settings = detail::settings_dict(group.settings);
    settings.set("initial_lr", group.base_lr());
    List parameters;
    for (std::size_t i = 0; i < group.size(); ++i) parameters.push_back(group.first() + i);
    settings.set("params", std::move(parameters));
    groups.push_back(std::move(settings));
  }
  return {{"state", std::move(state)}, {"param_groups", std::move(groups)}};
}

/// Returns the index of the first parameter whose state `optimizer` needs and `part` lacks, if any.
template <RuleOptimizer O>
[[nodiscard]] std::optional<std::size_t> missing_in_part(const O& optimizer, const Dict& part) {
  std::set<std::int64_t> there;
  for (const auto& place : part.at("parameters").items()) there.insert(place.get<std::int64_t>());
  for (std::size_t place = 0; place < optimizer.names().size(); ++place) {
    if (there.contains(static_cast<std::int64_t>(place))) continue;
    if constexpr (OptimizerShard<O>) {
      const auto own = optimizer.own_places();
      if (std::find(own.begin(), own.end(), place) == own.end()) continue;
    }
    return place;
  }
  return {};
}

template <RuleOptimizer O>
void require_enough(const O& optimizer, const Dict& part) {
  if (const auto place = missing_in_part(optimizer, part)) {
    throw DataError(format_message(
        "The optimizer state is the shard of rank {} of {} and lacks '{}'. Load the file that rank 0 saved, "
        "or all shards with load_sharded_checkpoint.",
        {part.get<std::int64_t>("rank"), part.get<std::int64_t>("world_size"), optimizer.names()[*place]}));
  }
}

}  // namespace detail

/// Returns this rank's shard of the state. The entry `shard` contains rank, world size and the parameters' indices.
template <OptimizerShard O>
[[nodiscard]] Dict optimizer_shard_dict(const O& optimizer) {
  Dict result = detail::optimizer_dict(optimizer, optimizer.own_state());
  List places;
  for (const std::size_t place : optimizer.own_places()) places.push_back(place);
  result.set(
      "shard",
      Dict{{"rank", optimizer.rank()}, {"world_size", optimizer.world_size()}, {"parameters", std::move(places)}});
  return result;
}

/// Returns the optimizer's state as `optimizer.state_dict()` in Python, with the `initial_lr` that PyTorch's schedulers
/// add. Tensors share memory with the optimizer, except `step`: clone them to keep their values. Collective if the
/// state is sharded: rank 0 returns the full state, every other rank its shard.
///
/// **Cost** no copy of a tensor of a parameter's size, except shards of other ranks on rank 0.
template <RuleOptimizer O>
[[nodiscard]] Dict optimizer_state_dict(const O& optimizer) {
  const OptimizerState state = optimizer.state();
  if constexpr (OptimizerShard<O>) {
    if (optimizer.rank() > 0) return optimizer_shard_dict(optimizer);
  }
  return detail::optimizer_dict(optimizer, state);
}

/// Loads settings and state from `optimizer_state_dict` or from Python's `optimizer.state_dict()`. Matches parameters
/// by their order, as Python does. Also loads `initial_lr`, the learning rate that schedules start from. Missing
/// settings that older versions of PyTorch lack (`maximize`, `nesterov`, `amsgrad`) become false, as in PyTorch.
///
/// **Errors** `DataError` if groups, settings or shapes do not fit. The optimizer is unchanged then.
template <RuleOptimizer O>
void load_optimizer_state_dict(O& optimizer, const Value& value) {
  const auto fail = [](const std::string& what) {
    throw DataError(format_message("The optimizer state does not match the optimizer; nothing was loaded. {}", {what}));
  };
  if (const Value* part = value.get<Dict>().find("shard")) detail::require_enough(optimizer, part->get<Dict>());
  const auto& state = value.get<Dict>().get<Dict>("state");
  const auto groups = value.at("param_groups").items();
  if (groups.size() != optimizer.num_groups()) {
    fail(format_message("It has {} parameter groups, the optimizer has {}. Make the same groups.",
                        {groups.size(), optimizer.num_groups()}));
  }
  std::vector<typename O::rule_type> settings;
  std::vector<double> base_lrs;
  OptimizerState parameters;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto& group = optimizer.groups()[g];
    try {
      const auto indices = groups[g].at("params").items();
      if (indices.size() != group.size()) {
        throw DataError(
            format_message("It has {} parameters, the optimizer's group has {}.", {indices.size(), group.size()}));
      }
      settings.push_back(detail::settings_from(groups[g].get<Dict>(), group.settings));
      const Value* base_lr = groups[g].get<Dict>().find("initial_lr");
      base_lrs.push_back(base_lr == nullptr ? group.base_lr() : detail::setting_number(*base_lr));
      for (const auto& index : indices) {
        const auto& name = optimizer.names()[parameters.size()];
        parameters.push_back(detail::parameter_state(name, state.find(index)));
      }
    } catch (const std::invalid_argument& error) {
      fail(format_message("Group {}: {}", {g, error.what()}));
    } catch (const DataError& error) {
      fail(format_message("Group {}: {}", {g, error.what()}));
    }
  }
  optimizer.load_state(parameters);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    optimizer.groups()[g].settings = settings[g];
    optimizer.groups()[g].set_base_lr(base_lrs[g]);
  }
}

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/optimizer_state_dict.ipp"
#endif
