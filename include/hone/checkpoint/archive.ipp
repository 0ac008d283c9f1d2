// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/checkpoint/archive.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/optim/parameter_group.hpp"

namespace hone {

HONE_INLINE Dict cloned(const Dict& state, std::optional<c10::Device> device) {
  Dict copy;
  copy.ordered = state.ordered;
  for (const auto& [key, entry] : state) copy.set(key, cloned(entry, device));
  return copy;
}
HONE_INLINE Value cloned(const Value& value, std::optional<c10::Device> device) {
  if (const auto* tensor = std::get_if<at::Tensor>(&value.data())) {
    if (!tensor->defined()) return *tensor;
    return tensor->detach().to(device.value_or(tensor->device()), tensor->scalar_type(), /*non_blocking=*/false,
                               /*copy=*/true);
  }
  const auto cloned_items = [&](const List& items) {
    List copies;
    for (const auto& item : items) copies.push_back(cloned(item, device));
    return copies;
  };
  if (const auto* list = std::get_if<List>(&value.data())) return cloned_items(*list);
  if (const auto* tuple = std::get_if<Tuple>(&value.data())) return Tuple{cloned_items(tuple->items)};
  if (const auto* dict = std::get_if<Dict>(&value.data())) return cloned(*dict, device);
  return value;
}

}  // namespace hone
