// SPDX-License-Identifier: Apache-2.0
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

#include "hone/checkpoint/state_dict.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

HONE_INLINE const Mismatches& StateDictFit::load() const {
  const at::NoGradGuard no_grad;
  for (const auto& [target, tensor] : copies_) target.copy_(tensor);
  return names_;
}

namespace detail {

HONE_INLINE bool loses_values(const at::Tensor& tensor, at::ScalarType type) {
  const auto from = tensor.scalar_type();
  if (from == type || (at::isFloatingType(from) && at::isFloatingType(type)) || tensor.is_complex()) return false;
  return !tensor.to(type).to(from).equal(tensor);
}

HONE_INLINE std::string common_prefix(const Dict& state, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    for (const auto& [key, value] : state) {
      const auto* const found = std::get_if<std::string>(&key.data());
      if (found == nullptr || !found->ends_with("." + name)) continue;
      const auto prefix = found->substr(0, found->size() - name.size());
      const auto has_prefix = [&](const std::string& each) { return state.contains(prefix + each); };
      if (std::ranges::count_if(names, has_prefix) * 2 > std::ssize(names)) return prefix;
    }
  }
  return {};
}

HONE_INLINE std::string_view origin_of_prefix(std::string_view prefix) {
  if (prefix == "module.") return ", as torch.nn.parallel.DistributedDataParallel and DataParallel save them";
  if (prefix == "_orig_mod.") return ", as torch.compile saves them";
  if (prefix == "model.") return ", as LightningModules save them";
  return "";
}

HONE_INLINE bool is_newer_than_state(const std::string& name, const Dict& state, const std::string& prefix) {
  constexpr std::string_view count = "num_batches_tracked";
  if (!name.ends_with(count)) return false;
  return state.contains(prefix + name.substr(0, name.size() - count.size()) + "running_mean");
}

}  // namespace detail

}  // namespace hone
