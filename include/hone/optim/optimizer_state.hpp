// SPDX-License-Identifier: Apache-2.0
/// The state of an optimizer, by parameter name.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

/// The state of one parameter: tensors under PyTorch's names (`momentum_buffer`; `exp_avg`, `exp_avg_sq`,
/// `max_exp_avg_sq`, `step`). A parameter that was never updated has no fields.
struct ParameterState {
  std::string parameter;
  std::vector<std::pair<std::string, at::Tensor>> fields;
};

/// The state of every parameter, in the optimizer's order.
using OptimizerState = std::vector<ParameterState>;

namespace detail {

/// Returns the tensor called `name`, or null.
inline const at::Tensor* find_field(const ParameterState& entry, std::string_view name) {
  const auto found =
      std::find_if(entry.fields.begin(), entry.fields.end(), [&](const auto& field) { return field.first == name; });
  return found == entry.fields.end() ? nullptr : &found->second;
}

/// Returns the entry of `state` for each parameter.
///
/// **Errors** `DataError` that lists every mismatch of names, fields and shapes.
inline std::vector<const ParameterState*> match_state(const OptimizerState& state, std::span<const std::string> names,
                                                      at::TensorList parameters,
                                                      std::span<const std::string_view> shaped_fields,
                                                      bool counts_steps) {
  std::vector<std::string> mismatches;
  std::unordered_map<std::string_view, const ParameterState*> entries;
  const std::unordered_set<std::string_view> known(names.begin(), names.end());
  for (const auto& entry : state) {
    if (!entries.emplace(entry.parameter, &entry).second) {
      mismatches.push_back(format_message("'{}' is listed twice", {entry.parameter}));
    } else if (!known.contains(entry.parameter)) {
      mismatches.push_back(format_message("'{}' is not a parameter of this optimizer", {entry.parameter}));
    }
  }
  std::vector<const ParameterState*> matched;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = entries.find(names[i]);
    if (found == entries.end()) {
      mismatches.push_back(format_message("'{}' is missing", {names[i]}));
      continue;
    }
    matched.push_back(found->second);
    for (const auto& [field, value] : found->second->fields) {
      const bool is_step = counts_steps && field == "step";
      if (!is_step && std::find(shaped_fields.begin(), shaped_fields.end(), field) == shaped_fields.end()) {
        mismatches.push_back(
            format_message("'{}' has the field '{}', which this rule does not have", {names[i], field}));
      } else if (!value.defined()) {
        mismatches.push_back(format_message("'{}' has an undefined '{}'", {names[i], field}));
      } else if (is_step ? value.numel() != 1 : value.sizes() != parameters[i].sizes()) {
        mismatches.push_back(
            format_message("'{}' has '{}' of shape [{}], expected [{}]",
                           {names[i], field, joined(value.sizes(), ", "),
                            is_step ? "" : format_message("{}", {joined(parameters[i].sizes(), ", ")})}));
      }
    }
    if (counts_steps && !found->second->fields.empty() && find_field(*found->second, "step") == nullptr) {
      mismatches.push_back(format_message("'{}' has no 'step'", {names[i]}));
    }
  }
  if (!mismatches.empty()) {
    throw DataError(
        format_message("The optimizer state does not match the optimizer, which is unchanged: {}. Load the state of an "
                       "optimizer with the same rule and parameters.",
                       {joined(mismatches, "; ")}));
  }
  return matched;
}

}  // namespace detail

}  // namespace hone
