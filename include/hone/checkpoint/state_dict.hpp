// SPDX-License-Identifier: Apache-2.0
/// A model's parameters and buffers by name, with the names and the order of Python's `state_dict()`.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/ScalarType.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "hone/checkpoint/value.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

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

/// Returns the module itself, or the module in a module holder or a smart pointer.
template <class Model>
const auto& module_in(const Model& model) {
  if constexpr (requires { model.named_parameters(false); }) {
    return model;
  } else {
    return *model;
  }
}

}  // namespace detail

/// Returns the parameters and buffers of a module, a module holder, a smart pointer to a module or a
/// `torch::jit::Module`, as Python's `module.state_dict()`: for each module its parameters, its buffers, then its
/// children. A tensor that two modules share has both names. Tensors are detached and share memory with the model:
/// clone them to keep their values.
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

/// Options for matching a state with a model.
struct StateDictOptions {
  bool strict = true;       ///< Requires the state to have exactly the model's names.
  std::string prefix = {};  ///< The prefix of the state's names that the model's names lack, such as "module.".
};

/// The names that `load_state_dict` ignored because it was not strict.
struct Mismatches {
  /// The names that only the model has.
  std::vector<std::string> missing;  // only in the model
  /// The names that only the state has.
  std::vector<std::string> unexpected;  // only in the state
};

class StateDictFit;
template <class Model>
[[nodiscard]] StateDictFit fit_state_dict(const Model& model, const Value& state, const StateDictOptions& options = {});

/// A state matched with the tensors of a model, to copy it into them.
class StateDictFit {
 public:
  /// Copies the state into the model's tensors, converted to their dtypes and devices. Returns the names not matched.
  const Mismatches& load() const;

 private:
  template <class Model>
  friend StateDictFit fit_state_dict(const Model&, const Value&, const StateDictOptions&);

  std::vector<std::pair<at::Tensor, at::Tensor>> copies_;
  Mismatches names_;
};

namespace detail {

/// Returns whether converting `tensor` to `type` changes a value. False between two floating-point types, even if
/// values are rounded, and for complex tensors. Waits for the device if it compares values.
bool loses_values(const at::Tensor& tensor, at::ScalarType type);

/// Returns the prefix, ending with ".", with which `state` contains more than half of `names`; empty if there is none.
std::string common_prefix(const Dict& state, const std::vector<std::string>& names);

/// Returns a phrase for an error message that names the programs that save names with this prefix; empty if unknown.
std::string_view origin_of_prefix(std::string_view prefix);

/// True for a `num_batches_tracked` that PyTorch before 0.4.1 did not save: its module has a `running_mean` in `state`.
bool is_newer_than_state(const std::string& name, const Dict& state, const std::string& prefix);

}  // namespace detail

/// Matches `state` with the model; changes nothing.
///
/// **Errors** one `DataError` that lists every entry that is missing, unexpected, not a tensor, of another shape, or
/// whose values the model's dtype cannot represent, such as 2.5 for an integer. Even without `strict`, a `DataError` if
/// a non-empty state has no name of the model; it names the prefix with which the state has most of them, if any.
template <class Model>
StateDictFit fit_state_dict(const Model& model, const Value& state, const StateDictOptions& options) {
  const Dict& source = state.get<Dict>();
  StateDictFit fit;
  auto& names = fit.names_;
  auto& copies = fit.copies_;
  std::vector<std::string> problems, all;
  Dict known;
  std::size_t num_found = 0;
  detail::visit_state(detail::module_in(model), "", [&](const std::string& name, const at::Tensor& target) {
    known.set(options.prefix + name, None());
    all.push_back(name);
    const Value* found = source.find(options.prefix + name);
    if (found != nullptr) ++num_found;
    if (found == nullptr) {
      if (!detail::is_newer_than_state(name, source, options.prefix)) names.missing.push_back(name);
    } else if (const auto* tensor = std::get_if<at::Tensor>(&found->data()); tensor == nullptr || !tensor->defined()) {
      problems.push_back(format_message("'{}' is {}, not a tensor", {name, found->description()}));
    } else if (tensor->sizes() != target.sizes()) {
      problems.push_back(format_message("'{}' has shape [{}], expected [{}]",
                                        {name, joined(tensor->sizes(), ", "), joined(target.sizes(), ", ")}));
    } else if (tensor->is_complex() != target.is_complex()) {
      problems.push_back(
          format_message("'{}' is {}, expected {}", {name, tensor->dtype().name(), target.dtype().name()}));
    } else if (detail::loses_values(*tensor, target.scalar_type())) {
      problems.push_back(format_message("'{}' is {} and has values that {} cannot represent",
                                        {name, tensor->dtype().name(), target.dtype().name()}));
    } else {
      copies.emplace_back(target, *tensor);
    }
  });
  const auto prefix = options.prefix.empty() && num_found == 0 ? detail::common_prefix(source, all) : std::string();
  if (!prefix.empty()) {
    throw DataError(format_message(
        "The state does not match the model; nothing was loaded: the names in it begin with '{}'{}. Load it "
        "with the option .prefix = \"{}\".",
        {prefix, detail::origin_of_prefix(prefix), prefix}));
  }
  for (const Dict::Entry& entry : source) {
    if (known.contains(entry.key)) continue;
    names.unexpected.push_back(entry.key.is<std::string>() ? entry.key.get<std::string>()
                                                           : detail::key_text(entry.key));
  }
  if (options.strict) {
    for (const auto& name : names.missing)
      problems.push_back(format_message("'{}' is missing", {options.prefix + name}));
    for (const auto& name : names.unexpected) problems.push_back(format_message("'{}' is not in the model", {name}));
  } else if (num_found == 0 && !all.empty() && !source.empty()) {
    problems.push_back(format_message("it has none of the model's names, such as '{}'", {options.prefix + all[0]}));
  }
  if (!problems.empty()) {
    const auto is_compiled = [](const std::string& name) { return name.find("._orig_mod.") != std::string::npos; };
    throw DataError(format_message(
        "The state does not match the model; nothing was loaded: {}. {}",
        {joined(problems, "; "),
         std::ranges::any_of(names.unexpected, is_compiled)
             ? "torch.compile adds '_orig_mod.' to the names of a submodule: remove it from them in Python."
             : "Load the state of a model with the same structure."}));
  }
  return fit;
}

/// Copies the tensors of `state` into the model's parameters and buffers, converted to their dtypes and devices.
/// Without `strict`, ignores and returns the names that only the model or only the state has. If `num_batches_tracked`
/// is missing, as in states from before PyTorch 0.4.1, the model's value is unchanged.
///
/// **Errors** one `DataError` that lists every mismatch (see `fit_state_dict`). The model is unchanged then.
/// **Example** `hone::load_state_dict(model, hone::read_checkpoint("best.pt").at("model_state_dict"));`
/// `hone::load_state_dict(model, hone::read_checkpoint("ddp.pt"), {.prefix = "module."});`
template <class Model>
Mismatches load_state_dict(Model& model, const Value& state, const StateDictOptions& options = {}) {
  return fit_state_dict(model, state, options).load();
}

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/state_dict.ipp"
#endif
