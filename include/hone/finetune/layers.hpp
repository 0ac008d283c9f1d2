// SPDX-License-Identifier: Apache-2.0
/// The division of a model into layer groups and layers for fine-tuning.
///
/// A *layer group* is a direct child of the model; a model without children is one group. A *layer* is a module without
/// children, or the direct parameters of a container. Direct parameters of the model itself, such as a class token or
/// position embeddings, belong to the first group.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "hone/optim/parameter_group.hpp"

namespace hone {

namespace detail {

/// Returns the object that a holder, a smart pointer or a reference wrapper refers to, and any other object itself.
template <class T>
decltype(auto) behind(T& handle) {
  if constexpr (requires {
                  *handle;
                  handle.operator->();
                }) {
    return *handle;
  } else if constexpr (requires {
                         typename T::type;
                         handle.get();
                       }) {
    return handle.get();
  } else {
    return (handle);
  }
}

template <class T>
using Behind = std::remove_cvref_t<decltype(behind(std::declval<T&>()))>;

}  // namespace detail

/// A `torch::nn::Module`, its holder, or a smart pointer or reference wrapper to one.
template <class Model>
concept ModuleHandle = std::derived_from<detail::Behind<Model>, torch::nn::Module>;

namespace detail {

/// Returns a pointer that shares the ownership of a holder or a shared pointer. For other handles it does not own the
/// module, which must outlive it.
///
/// **Errors** `std::invalid_argument` for a null pointer.
template <ModuleHandle Model>
std::shared_ptr<torch::nn::Module> shared_module(Model& model) {
  std::shared_ptr<torch::nn::Module> module;
  if constexpr (std::convertible_to<Model&, std::shared_ptr<torch::nn::Module>>) {
    module = model;
  } else if constexpr (!std::derived_from<Model, torch::nn::Module> && requires { model.ptr(); }) {
    module = model.ptr();
  } else {
    module = std::shared_ptr<torch::nn::Module>(std::shared_ptr<void>(), &behind(model));
  }
  if (!module) throw std::invalid_argument("The model is a null pointer. Construct the module first.");
  return module;
}

inline bool is_batch_norm(const torch::nn::Module& module) {
  return dynamic_cast<const torch::nn::BatchNorm1dImpl*>(&module) != nullptr ||
         dynamic_cast<const torch::nn::BatchNorm2dImpl*>(&module) != nullptr ||
         dynamic_cast<const torch::nn::BatchNorm3dImpl*>(&module) != nullptr ||
         module.name().find("BatchNorm") != std::string::npos;  // a custom one, such as a synchronized batch norm
}

/// A module of a model, without the parameters of its children.
struct ModuleNode {
  std::string name;  // its path; empty for the model itself
  torch::nn::Module* module;
  std::size_t group;
  bool is_leaf;
  bool is_batch_norm;
  bool is_whole_model;         // the root of a model with children; only its parameters belong to a group
  NamedParameters parameters;  // direct ones that can require a gradient

  [[nodiscard]] bool is_layer() const { return is_leaf || !parameters.empty(); }
};

inline void add_nodes(torch::nn::Module& module, const std::string& name, std::size_t group, bool is_root,
                      std::unordered_set<const torch::nn::Module*>& seen, std::vector<ModuleNode>& nodes) {
  if (!seen.insert(&module).second) return;
  const auto children = module.named_children();
  const std::string prefix = name.empty() ? "" : name + ".";
  ModuleNode node{name, &module, group, children.is_empty(), is_batch_norm(module), is_root && !children.is_empty(),
                  {}};
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    if (item.value().is_floating_point() || item.value().is_complex()) {
      node.parameters.push_back({prefix + item.key(), item.value()});
    }
  }
  nodes.push_back(std::move(node));
  std::size_t index = 0;
  for (const auto& child : children) {
    add_nodes(*child.value(), prefix + child.key(), is_root ? index : group, false, seen, nodes);
    ++index;
  }
}

/// Returns each module of a model once, containers before their children.
inline std::vector<ModuleNode> nodes_of(torch::nn::Module& model) {
  std::vector<ModuleNode> nodes;
  std::unordered_set<const torch::nn::Module*> seen;
  add_nodes(model, "", 0, true, seen, nodes);
  return nodes;
}

inline std::size_t num_layer_groups(const torch::nn::Module& model) {
  const auto children = model.children().size();
  return children == 0 ? 1 : children;
}

}  // namespace detail

}  // namespace hone
