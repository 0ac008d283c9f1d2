// SPDX-License-Identifier: Apache-2.0
/// Where the target of a batch is.
#pragma once

#include <cstddef>
#include <tuple>

#include "hone/core/hana.hpp"
#include "hone/metrics/tensors.hpp"

namespace hone::detail {

/// The last of `members` that is a tensor.
template <class... Members>
const auto& last_tensor(const Members&... members) {
  constexpr std::size_t index = [] {
    constexpr bool is_tensor[] = {TensorLike<Members>...};
    std::size_t i = sizeof...(Members);
    while (i > 0 && !is_tensor[i - 1]) --i;
    return i - 1;
  }();
  static_assert(index < sizeof...(Members), "hone: the batch has no tensor that could be the target.");
  return std::get<index>(std::tie(members...));
}

/// The target of a batch: its member `target`, or the last tensor of a pair, a tuple or a struct adapted with Hana.
template <class Batch>
const auto& target_of(const Batch& batch) {
  if constexpr (requires { batch.target; }) {
    return batch.target;
  } else if constexpr (boost::hana::Struct<Batch>::value) {
    return boost::hana::unpack(boost::hana::accessors<Batch>(), [&batch](auto... accessors) -> const auto& {
      return last_tensor(boost::hana::second(accessors)(batch)...);
    });
  } else if constexpr (requires { std::tuple_size<Batch>::value; }) {
    return std::apply([](const auto&... members) -> const auto& { return last_tensor(members...); }, batch);
  } else {
    static_assert(sizeof(Batch) == 0,
                  "hone: Metrics finds no target in this batch. Make it a pair, a tuple, a struct with a member "
                  "`target`, or adapt the struct with Boost.Hana.");
  }
}

}  // namespace hone::detail
