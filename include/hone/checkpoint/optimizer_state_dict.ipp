// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/scalar_tensor.h>

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

#include "hone/checkpoint/optimizer_state_dict.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/optimizer_state.hpp"
#include "hone/optim/rule.hpp"
#include "hone/optim/sgd.hpp"

namespace hone {

namespace detail {

HONE_INLINE double setting_number(const Value& value) {
  const auto* tensor = std::get_if<at::Tensor>(&value.data());
  if (tensor == nullptr) return value.number();
  if (!tensor->defined() || tensor->numel() != 1 || tensor->is_complex()) {
    throw DataError("A setting is a tensor that is not one real number.");
  }
  return tensor->item<double>();
}

HONE_INLINE const Dict& source_of_setting(const Dict& group, std::string_view name, const Dict& added_later) {
  return !group.contains(name) && added_later.contains(name) ? added_later : group;
}

HONE_INLINE ParameterState parameter_state(const std::string& name, const Value* fields) {
  ParameterState result{name, {}};
  if (fields == nullptr) return result;
  for (const auto& [key, value] : fields->get<Dict>()) {
    if (value.is_none()) continue;  // a field that the parameter does not need
    // Old files store the number of steps as a number. Double, because LibTorch throws beyond float's range.
    const bool is_number = value.is<std::int64_t>() || value.is<double>();
    result.fields.emplace_back(key.get<std::string>(),
                               is_number ? at::scalar_tensor(value.number(), at::kDouble) : value.get<at::Tensor>());
  }
  return result;
}

}  // namespace detail

}  // namespace hone
