// SPDX-License-Identifier: Apache-2.0
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

#include "hone/core/config.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/unwrap.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/optim/rule.hpp"

namespace hone {

HONE_INLINE NamedParameters trainable(NamedParameters parameters) {
  std::erase_if(parameters, [](const NamedParameter& parameter) { return !parameter.value.requires_grad(); });
  return parameters;
}

namespace detail {

HONE_INLINE std::string description(const NamedParameters& parameters) {
  std::string text;
  for (const auto& [name, value] : parameters) {
    if (!value.defined()) {
      text += format_message("'{}' (undefined)\n", {name});
      continue;
    }
    text += format_message("'{}' of {} [", {name, c10::toString(value.scalar_type())});
    for (std::int64_t i = 0; i < value.dim(); ++i) text += (i ? ", " : "") + std::to_string(value.size(i));
    text += value.requires_grad() ? "]\n" : "], frozen\n";
  }
  return text;
}

HONE_INLINE void require_usable(const NamedParameters& added, at::TensorList present,
                                std::span<const std::string> present_names) {
  if (added.empty()) {
    throw std::invalid_argument(
        "The optimizer got an empty parameter list. Pass a model with at least one parameter that requires a "
        "gradient.");
  }
  std::unordered_set<const at::TensorImpl*> tensors;
  for (const auto& parameter : present) tensors.insert(parameter.unsafeGetTensorImpl());
  std::unordered_set<std::string_view> names(present_names.begin(), present_names.end());
  for (const auto& [name, value] : added) {
    const auto refuse = [&label = name](const char* what) {
      throw std::invalid_argument(format_message("The parameter '{}' {}", {label, what}));
    };
    if (!value.defined()) refuse("is an undefined tensor. Remove it.");
    if (!tensors.insert(value.unsafeGetTensorImpl()).second) {
      refuse("is passed to the optimizer twice. Put each parameter into one group only.");
    }
    if (!names.insert(name).second) {
      refuse(
          "has the name of another parameter. Give the names of each submodule a prefix: named_parameters(model->head, "
          "\"head.\").");
    }
    if (!value.is_leaf()) refuse("is not a leaf tensor. Pass leaf tensors only.");
    if (!value.is_floating_point()) refuse("does not have a real floating point type. Remove it.");
    if (value.is_neg()) refuse("has the negative bit set. Pass its resolve_neg().");
    if (value.layout() != at::kStrided || !value.is_non_overlapping_and_dense()) {
      refuse("is not dense in memory. Make it contiguous before you construct the optimizer.");
    }
  }
}

HONE_INLINE std::string parameter_names(const std::vector<std::string>& names) {
  constexpr std::size_t most = 8;
  const std::span shown(names.data(), std::min(names.size(), most));
  return format_message("'{}'{}",
                        {joined(shown, "', '"),
                         names.size() > most ? format_message(" and {} more", {names.size() - most}) : std::string()});
}

HONE_INLINE void require_common(at::TensorList optimized, const NamedParameters& model) {
  if (model.empty()) return;
  std::unordered_set<const at::TensorImpl*> tensors;
  for (const auto& parameter : optimized) tensors.insert(parameter.unsafeGetTensorImpl());
  for (const auto& [name, value] : model) {
    if (tensors.contains(value.unsafeGetTensorImpl())) return;
  }
  throw std::invalid_argument(
      format_message("The optimizer has none of the model's {} parameters. Construct it from the parameters of the "
                     "model that you train, not of a copy.",
                     {model.size()}));
}

}  // namespace detail

}  // namespace hone
