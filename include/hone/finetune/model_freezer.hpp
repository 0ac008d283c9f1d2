// SPDX-License-Identifier: Apache-2.0
/// Freezing and unfreezing of a model's layer groups.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/intrusive_ptr.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "hone/callbacks/events.hpp"
#include "hone/core/format_message.hpp"
#include "hone/finetune/layers.hpp"

namespace hone {

/// Options of `ModelFreezer`.
struct FreezerOptions {
  /// True if `freeze` and `unfreeze` apply to batch norms. Otherwise they skip them.
  bool freeze_batch_norms = false;
};

/// Newly unfrozen parameters by the index of their layer group.
using UnfrozenGroups = std::map<std::size_t, NamedParameters>;

namespace detail {

/// Returns the first and last index of an inclusive range, in ascending order. Negative indices count from the end.
inline std::pair<std::size_t, std::size_t> index_range(std::int64_t from, std::int64_t to, std::size_t count) {
  const auto resolve = [count](std::int64_t index) {
    const auto size = static_cast<std::int64_t>(count);
    if (index < -size || index >= size) {
      throw std::invalid_argument(
          format_message("Layer group {} is out of range: this model has {}. Pass an index from {} to {}.",
                         {index, count, -size, size - 1}));
    }
    return static_cast<std::size_t>(index < 0 ? index + size : index);
  };
  const std::size_t first = resolve(from), last = resolve(to);
  return {std::min(first, last), std::max(first, last)};
}

}  // namespace detail

/// Freezes and unfreezes a model's layer groups, as defined in `layers.hpp`, by index. `unfreeze` unfreezes only
/// parameters that `freeze` of this freezer froze: other frozen parameters, such as those that you froze with
/// `set_requires_grad(false)` or that an exported model was made with, stay frozen.
///
/// It is also a callback. A trainer sets the model to training mode at the start of each epoch; the callback then sets
/// the modules that were frozen with `set_modules_as_eval` to evaluation mode again. Copies share their state, so calls
/// on the caller's copy apply to the copy in the trainer.
///
/// In training mode, dropout in a frozen layer remains active, and batch norms continue to update their statistics.
/// `set_modules_as_eval` stops dropout and, with `freeze_batch_norms`, the statistics. The freezer finds modules by
/// name, so they may be replaced.
///
/// **Errors** `std::invalid_argument` for a null model, and for an index outside the layer groups, before any change.
/// **Example**
/// ```
/// hone::ModelFreezer freezer{model, {.freeze_batch_norms = true}};
/// freezer.freeze(0, -2, /*set_modules_as_eval=*/true);  // all but the head
/// auto trainer = hone::Trainer{model, loss, hone::Adam{.lr = 1e-3}, freezer};
/// ```
class ModelFreezer {
 public:
  /// A layer group or a layer. It does not own `module`, which dangles once the model replaces that module.
  struct Part {
    std::size_t index;            ///< The first is 0.
    std::int64_t index_from_end;  ///< The last is -1.
    std::size_t group;            ///< The index of its layer group.
    std::string name;             ///< Its path in the model, empty for the model itself.
    torch::nn::Module* module;
    std::size_t num_parameters;  ///< The number of parameter tensors.
    std::size_t num_frozen;      ///< The number of them that do not require a gradient.
    bool is_frozen;              ///< True if the layer, or a part of the group, is frozen.
  };

  /// The names of the parameters that a freezer has frozen, and of the modules that it keeps in evaluation mode.
  struct Frozen {
    std::unordered_set<std::string> parameters;
    std::unordered_set<std::string> modules;
  };

  /// Leaves the parameters as they are.
  template <class Model>
    requires ModuleHandle<std::remove_reference_t<Model>> &&
             (std::is_lvalue_reference_v<Model> || !std::derived_from<Model, torch::nn::Module>)
  explicit ModelFreezer(Model&& model, FreezerOptions options = {})
      : shared_(std::make_shared<Shared>(Shared{detail::shared_module(model), options, {}, {}})) {}

  /// Returns the number of layer groups.
  [[nodiscard]] std::size_t num_layer_groups() const { return detail::num_layer_groups(*shared_->model); }

  /// Returns the layer groups. A group is frozen if any of its parameters is.
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

  /// Returns the layers, containers before their children. A layer is frozen if all its parameters are, or, without
  /// parameters, if it is in evaluation mode.
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

  /// Returns the parameters that require a gradient, each tensor once, with their names in the whole model.
  [[nodiscard]] NamedParameters trainable_parameters() const {
    return trainable(hone::named_parameters(*shared_->model));
  }

  /// Freezes the groups from one index to another, both included. The default is all groups but the last, so none in a
  /// model of one group. A parameter that is shared with another group is frozen there too. Gradients of frozen
  /// parameters are reset, because an optimizer would still apply them.
  void freeze(std::int64_t from_index = 0, std::int64_t to_index = -2, bool set_modules_as_eval = false) {
    if (from_index == 0 && to_index == -2 && num_layer_groups() == 1) return;  // all but the last of one group
    for (const auto& node : chosen(from_index, to_index)) {
      for (const auto& parameter : node.parameters) freeze_one(parameter);
      if (set_modules_as_eval && !node.is_whole_model) shared_->held.insert(node.name);
    }
    hold_modes();
  }

  /// Unfreezes what `freeze` froze in the groups from one index to another, both included. The default is all groups.
  /// Returns the parameters that it unfroze, by group, for `FusedOptimizer::add_group`.
  UnfrozenGroups unfreeze(std::int64_t from_index = -1, std::int64_t to_index = 0,
                          bool set_modules_as_training = true) {
    UnfrozenGroups unfrozen;
    std::unordered_set<std::string_view> thawed;
    const auto parts = chosen(from_index, to_index);
    for (const auto& node : parts) {
      for (const auto& parameter : node.parameters) {
        if (shared_->frozen.erase(parameter.value.unsafeGetTensorImpl()) == 0 || parameter.value.requires_grad())
          continue;
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

  /// Returns the names of the parameters and modules that this freezer has frozen.
  [[nodiscard]] Frozen frozen() const {
    Frozen all{{}, shared_->held};
    for (const auto& node : nodes()) {
      for (const auto& parameter : node.parameters) {
        if (shared_->frozen.contains(parameter.value.unsafeGetTensorImpl())) all.parameters.insert(parameter.name);
      }
    }
    return all;
  }
  /// Freezes the parameters and holds the modules in `before`, a result of `frozen()`. Unfreezes nothing.
  void freeze_again(const Frozen& before) {
    for (const auto& node : nodes()) {
      for (const auto& parameter : node.parameters) {
        if (before.parameters.contains(parameter.name)) freeze_one(parameter);
      }
    }
    shared_->held.insert(before.modules.begin(), before.modules.end());
    hold_modes();
  }

  /// Sets the modules that were frozen with `set_modules_as_eval` to evaluation mode. As a callback, the freezer does
  /// this at the start of each training epoch. A custom loop must call it after `model->train()`.
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
    std::unordered_set<std::string> held;  // names of the modules that stay in evaluation mode
    // What `freeze` froze. A weak pointer keeps the address from being used again.
    std::unordered_map<const at::TensorImpl*, c10::weak_intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>> frozen;
  };

  void freeze_one(const NamedParameter& parameter) {
    const auto& tensor = parameter.value;
    if (tensor.requires_grad()) {
      shared_->frozen.emplace(tensor.unsafeGetTensorImpl(), tensor.getIntrusivePtr());
      tensor.set_requires_grad(false);
    }
    tensor.mutable_grad().reset();
  }

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

  /// Sets each module to training mode where `wanted(node)`, else to evaluation mode.
  template <class F>
  void set_modes(F&& wanted) const {
    const auto all = nodes();
    std::vector<bool> modes;
    for (const auto& node : all) modes.push_back(wanted(node));
    for (std::size_t i = 0; i < all.size(); ++i) all[i].module->train(modes[i]);  // recursive, so containers first
    for (std::size_t i = 0; i < all.size(); ++i) {  // a module in two containers has the mode of the second one
      if (all[i].is_leaf) all[i].module->train(modes[i]);
    }
  }

  std::shared_ptr<Shared> shared_;
};

}  // namespace hone
