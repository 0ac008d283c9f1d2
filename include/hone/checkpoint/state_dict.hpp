// SPDX-License-Identifier: Apache-2.0
/// A model's parameters and buffers by name, in the order and under the names that Python's `state_dict()` gives.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <string>
#include <utility>
#include <vector>

#include "hone/checkpoint/value.hpp"
#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

namespace detail {

/// Calls `visit(name, tensor)` for the module's own parameters, its own buffers, then each of its children.
template <class Module, class Visit>
void visit_state(const Module& module, const std::string& prefix, const Visit& visit) {
  const auto each = [](const auto& items, const auto& use) {
    for (const auto& item : items) {
      if constexpr (requires { item.key(); }) {
        use(item.key(), item.value());  // torch::nn
      } else {
        use(item.name, item.value);  // torch::jit
      }
    }
  };
  const auto visit_tensor = [&](const std::string& name, const at::Tensor& tensor) {
    if (tensor.defined()) visit(prefix + name, tensor);
  };
  each(module.named_parameters(false), visit_tensor);
  each(module.named_buffers(false), visit_tensor);
  each(module.named_children(), [&](const std::string& name, const auto& child) {
    if constexpr (requires { child->named_children(); }) {
      if (child != nullptr) visit_state(*child, prefix + name + ".", visit);
    } else {
      visit_state(child, prefix + name + ".", visit);
    }
  });
}

/// The module in a module holder or a smart pointer.
template <class Model>
const auto& module_in(const Model& model) {
  if constexpr (requires { model.named_parameters(false); }) {
    return model;
  } else {
    return *model;
  }
}

}  // namespace detail

/// The parameters and buffers of a module, a module holder, a smart pointer to a module or a `torch::jit::Module`, as
/// Python's `module.state_dict()`: for each module its parameters, its buffers, then its children; a tensor that two
/// modules share under both names. The tensors are the live ones, without gradient: clone what is to be kept.
///
/// **Cost** no copy.
template <class Model>
[[nodiscard]] Dict state_dict(const Model& model, const std::string& prefix = "") {
  Dict result;
  result.ordered = true;
  detail::visit_state(detail::module_in(model), prefix, [&](std::string name, const at::Tensor& tensor) {
    result.set(std::move(name), tensor.detach());
  });
  return result;
}

/// What `load_state_dict` passed over because it was not strict.
struct Mismatches {
  std::vector<std::string> missing;     // the model has them, the state does not
  std::vector<std::string> unexpected;  // the state has them, the model does not
};

/// A state and the tensors of a model that it will be copied into.
class StateDictFit {
 public:
  /// Copies. Converts to the types and devices of the model's tensors.
  const Mismatches& load() const {
    const at::NoGradGuard no_grad;
    for (const auto& [target, tensor] : copies_) target.copy_(tensor);
    return names_;
  }

 private:
  template <class Model>
  friend StateDictFit fit_state_dict(const Model&, const Value&, bool);

  std::vector<std::pair<at::Tensor, at::Tensor>> copies_;
  Mismatches names_;
};

/// Finds out how `state` fits the model; changes nothing yet.
///
/// **Errors** one `DataError` that lists every missing, unexpected and wrongly shaped entry.
template <class Model>
[[nodiscard]] StateDictFit fit_state_dict(const Model& model, const Value& state, bool strict) {
  const Dict& source = state.get<Dict>();
  StateDictFit fit;
  auto& names = fit.names_;
  auto& copies = fit.copies_;
  std::vector<std::string> problems;
  Dict known;
  detail::visit_state(detail::module_in(model), "", [&](const std::string& name, const at::Tensor& target) {
    known.set(name, None());
    const Value* found = source.find(name);
    if (found == nullptr) {
      names.missing.push_back(name);
    } else if (const auto* tensor = std::get_if<at::Tensor>(&found->data()); tensor == nullptr || !tensor->defined()) {
      problems.push_back(sentence("'{}' is {}, not a tensor", {name, found->description()}));
    } else if (tensor->sizes() != target.sizes()) {
      problems.push_back(sentence("'{}' has shape [{}], expected [{}]",
                                  {name, joined(tensor->sizes(), ", "), joined(target.sizes(), ", ")}));
    } else if (tensor->is_complex() != target.is_complex()) {
      problems.push_back(sentence("'{}' is {}, expected {}", {name, tensor->dtype().name(), target.dtype().name()}));
    } else {
      copies.emplace_back(target, *tensor);
    }
  });
  for (const Dict::Entry& entry : source) {
    if (known.contains(entry.key)) continue;
    names.unexpected.push_back(entry.key.is<std::string>() ? entry.key.get<std::string>()
                                                           : detail::key_text(entry.key));
  }
  if (strict) {
    for (const auto& name : names.missing) problems.push_back(sentence("'{}' is missing", {name}));
    for (const auto& name : names.unexpected) problems.push_back(sentence("'{}' is not in the model", {name}));
  }
  if (!problems.empty()) {
    throw DataError(
        sentence("The state does not fit the model, and nothing of it was loaded: {}. Load the state of a model that "
                 "is built alike.",
                 {joined(problems, "; ")}));
  }
  return fit;
}

/// Copies the tensors of `state` into the model's parameters and buffers, converting them to their types and devices.
/// Without `strict`, names that only one side has are passed over and returned.
///
/// **Errors** one `DataError` that lists every missing, unexpected and wrongly shaped entry. Everything is checked
/// before anything is changed.
/// **Example** `hone::load_state_dict(model, hone::read_checkpoint("best.pt").at("model_state_dict"));`
template <class Model>
Mismatches load_state_dict(Model& model, const Value& state, bool strict = true) {
  return fit_state_dict(model, state, strict).load();
}

}  // namespace hone
