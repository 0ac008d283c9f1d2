// SPDX-License-Identifier: Apache-2.0
/// Freezes parts of a model and thaws them again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "hone/callbacks/events.hpp"
#include "hone/core/sentence.hpp"
#include "hone/finetune/layers.hpp"

namespace hone {

struct FreezerOptions {
  /// Whether batch norms are frozen and unfrozen like other layers; else they are left as they are.
  bool freeze_batch_norms = false;
};

/// Newly unfrozen parameters by the index of their layer group.
using UnfrozenGroups = std::map<std::size_t, NamedParameters>;

namespace detail {

/// First and last of an inclusive range; negative indices count from the end, and the ends may be reversed.
inline std::pair<std::size_t, std::size_t> index_range(std::int64_t from, std::int64_t to, std::size_t count) {
  const auto resolve = [count](std::int64_t index) {
    const auto size = static_cast<std::int64_t>(count);
    if (index < -size || index >= size) {
      throw std::invalid_argument(sentence("The index {} names no layer group; this model has {}. Give {} to {}.",
                                           {index, count, -size, size - 1}));
    }
    return static_cast<std::size_t>(index < 0 ? index + size : index);
  };
  const std::size_t first = resolve(from), last = resolve(to);
  return {std::min(first, last), std::max(first, last)};
}

}  // namespace detail

/// Freezes and unfreezes a model's layer groups (`layers.hpp` says what those are) by index.
///
/// It is a callback too: given to a trainer, it brings back at the start of each epoch the evaluation mode of what was
/// frozen with it, which the trainer's switch to training undoes. Copies share what they know, so the one in the
/// trainer obeys the one in the caller's hands.
///
/// A layer frozen in training mode keeps its weights, yet drops out, and a batch norm goes on collecting statistics:
/// `set_modules_as_eval` stops both. Modules that replace others under the same name are found.
///
/// **Errors** `std::invalid_argument` for a null model, and for an index that names no group: nothing has changed then.
/// **Example**
/// ```
/// hone::ModelFreezer freezer{model, {.freeze_batch_norms = true}};
/// freezer.freeze(0, -2, /*set_modules_as_eval=*/true);  // all but the head
/// auto trainer = hone::Trainer{model, loss, hone::Adam{.lr = 1e-3}, freezer};
/// ```
class ModelFreezer {
 public:
  /// A layer group or a layer; a view, valid as long as the model keeps its modules.
  struct Part {
    std::size_t index;            ///< The first is 0.
    std::int64_t index_from_end;  ///< The last is -1.
    std::size_t group;            ///< The layer group that it belongs to, or is.
    std::string name;             ///< As in the names of its parameters; empty for the model itself.
    torch::nn::Module* module;
    std::size_t num_parameters;  ///< Tensors.
    std::size_t num_frozen;      ///< Of them, those that require no gradient.
    bool is_frozen;
  };

  /// Unfreezes every parameter.
  template <class Model>
    requires ModuleHandle<std::remove_reference_t<Model>> &&
             (std::is_lvalue_reference_v<Model> || !std::derived_from<Model, torch::nn::Module>)
  explicit ModelFreezer(Model&& model, FreezerOptions options = {})
      : shared_(std::make_shared<Shared>(Shared{detail::shared_module(model), options, {}})) {
    for (const auto& node : nodes()) {
      for (const auto& parameter : node.parameters) parameter.value.set_requires_grad(true);
    }
  }

  [[nodiscard]] std::size_t num_layer_groups() const { return detail::num_layer_groups(*shared_->model); }

  /// The layer groups. A group is frozen when a parameter in it is.
  [[nodiscard]] std::vector<Part> get_layer_groups() const {
    std::vector<Part> groups;
    const auto add = [&](std::string name, torch::nn::Module& module) {
      groups.push_back({groups.size(), 0, groups.size(), std::move(name), &module, 0, 0, false});
    };
    const auto children = shared_->model->named_children();
    if (children.is_empty()) add("", *shared_->model);
    for (const auto& child : children) add(child.key(), *child.value());
    for (const auto& node : nodes()) count(node, groups[node.group]);
    for (auto& group : groups) group.is_frozen = group.num_frozen > 0;
    return numbered_from_end(std::move(groups));
  }

  /// The layers, outer ones first. A layer is frozen when all its parameters are; one without parameters when it is not
  /// in training mode.
  [[nodiscard]] std::vector<Part> get_layers() const {
    std::vector<Part> layers;
    for (const auto& node : nodes()) {
      if (!node.is_layer()) continue;
      auto& layer = layers.emplace_back(Part{layers.size(), 0, node.group, node.name, node.module, 0, 0, false});
      count(node, layer);
      layer.is_frozen =
          layer.num_parameters > 0 ? layer.num_frozen == layer.num_parameters : !node.module->is_training();
    }
    return numbered_from_end(std::move(layers));
  }

  /// The parameters that require a gradient, each tensor once, under their names in the whole model.
  [[nodiscard]] NamedParameters trainable_parameters() const {
    return trainable(hone::named_parameters(*shared_->model));
  }

  /// Freezes the groups from one index to another, both included; by default all but the last, which in a model of one
  /// group is nothing. A parameter that is shared with a group outside is frozen there too. Gradients of what is frozen
  /// are dropped, else an optimizer would still follow them.
  void freeze(std::int64_t from_index = 0, std::int64_t to_index = -2, bool set_modules_as_eval = false) {
    if (from_index == 0 && to_index == -2 && num_layer_groups() == 1) return;  // all but the last of one
    for (const auto& node : chosen(from_index, to_index)) {
      for (const auto& parameter : node.parameters) {
        parameter.value.set_requires_grad(false);
        parameter.value.mutable_grad().reset();
      }
      if (set_modules_as_eval && !node.is_whole_model) shared_->held.insert(node.name);
    }
    hold_modes();
  }

  /// Unfreezes the groups from one index to another, both included; by default all. Returns what was frozen until now,
  /// by group, for `FusedOptimizer::add_group`.
  UnfrozenGroups unfreeze(std::int64_t from_index = -1, std::int64_t to_index = 0,
                          bool set_modules_as_training = true) {
    UnfrozenGroups unfrozen;
    std::unordered_set<std::string_view> thawed;
    const auto parts = chosen(from_index, to_index);
    for (const auto& node : parts) {
      for (const auto& parameter : node.parameters) {
        if (parameter.value.requires_grad()) continue;
        parameter.value.set_requires_grad(true);
        unfrozen[node.group].push_back(parameter);
      }
      if (!set_modules_as_training || node.is_whole_model) continue;
      shared_->held.erase(node.name);
      thawed.insert(node.name);
    }
    set_modes([&](const detail::ModuleNode& node) { return thawed.contains(node.name) || node.module->is_training(); });
    return unfrozen;
  }

  /// Switches to evaluation what was frozen with it. A trainer does this at the start of each epoch; a loop of one's
  /// own has to after `model->train()`.
  void hold_modes() const {
    if (shared_->held.empty()) return;
    set_modes([this](const detail::ModuleNode& node) {
      return node.module->is_training() && !shared_->held.contains(node.name);
    });
  }
  void on_train_epoch_start(const TrainEpochStart&) { hold_modes(); }

 private:
  struct Shared {
    std::shared_ptr<torch::nn::Module> model;
    FreezerOptions options;
    std::unordered_set<std::string> held;  // modules to be in evaluation mode while others train
  };

  [[nodiscard]] std::vector<detail::ModuleNode> nodes() const { return detail::nodes_of(*shared_->model); }

  [[nodiscard]] std::vector<detail::ModuleNode> chosen(std::int64_t from, std::int64_t to) const {
    const auto range = detail::index_range(from, to, num_layer_groups());
    auto found = nodes();
    std::erase_if(found, [&](const detail::ModuleNode& node) {
      return node.group < range.first || node.group > range.second ||
             (node.is_batch_norm && !shared_->options.freeze_batch_norms);
    });
    return found;
  }

  static void count(const detail::ModuleNode& node, Part& part) {
    part.num_parameters += node.parameters.size();
    for (const auto& parameter : node.parameters) part.num_frozen += parameter.value.requires_grad() ? 0 : 1;
  }

  static std::vector<Part> numbered_from_end(std::vector<Part> parts) {
    for (auto& part : parts) {
      part.index_from_end = static_cast<std::int64_t>(part.index) - static_cast<std::int64_t>(parts.size());
    }
    return parts;
  }

  /// Gives each module the mode that `wanted` says.
  template <class F>
  void set_modes(F&& wanted) const {
    const auto all = nodes();
    std::vector<bool> modes;
    for (const auto& node : all) modes.push_back(wanted(node));
    for (std::size_t i = 0; i < all.size(); ++i) all[i].module->train(modes[i]);  // inner modules come later
    for (std::size_t i = 0; i < all.size(); ++i) {  // a module that stands in two containers was set by the second
      if (all[i].is_leaf) all[i].module->train(modes[i]);
    }
  }

  std::shared_ptr<Shared> shared_;
};

}  // namespace hone
