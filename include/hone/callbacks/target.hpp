// SPDX-License-Identifier: Apache-2.0
/// The target of a batch for metrics: the same target as for the loss.
#pragma once

#include <tuple>
#include <type_traits>

#include "hone/core/batch_members.hpp"
#include "hone/metrics/tensors.hpp"

namespace hone::detail {

/// The tensor types of metrics, as a test for `core/batch_members.hpp`.
struct AnyTensor {
  template <class T>
  static constexpr bool is = TensorLike<T>;
};

template <class Batch>
struct batch_without_clear_target {
  static_assert(sizeof(Batch) == 0,
                "hone: Metrics requires a batch with one target. Make the batch a pair, a tuple or a struct with a "
                "member `target`, or specialize hone::BatchParts for it, with `inputs(batch)` and `target(batch)`.");
};

/// A batch in which one member is the target, by the rules of `core/batch_members.hpp`; any other type needs `target`.
template <class Batch>
concept HasClearTarget = NamesParts<const Batch> || [] {
  if constexpr (Structured<Batch>) {
    constexpr TargetPlace place = target_place<AnyTensor, Batch>();
    return place.num_members > 0 && place.is_target_clear;
  } else {
    return requires(const Batch& batch) { batch.target; };
  }
}();

/// Returns the target of a batch; for a type without known members and without `BatchParts`, its member `target`.
template <HasClearTarget Batch>
const auto& target_of(const Batch& batch) {
  if constexpr (NamesParts<const Batch>) {
    return BatchParts<Batch>::target(batch);
  } else if constexpr (Structured<Batch>) {
    return std::get<target_place<AnyTensor, Batch>().target>(members_with_tensors<AnyTensor>(batch));
  } else {
    return batch.target;
  }
}

}  // namespace hone::detail
