// SPDX-License-Identifier: Apache-2.0
/// The inputs and the target of a batch of any type.
///
/// `core/batch_members.hpp` defines which member is the target. A batch that is an `at::Tensor` or a container such as
/// `std::vector` is a single input without a target.
///
/// Only members that contain tensors count; all other members, such as a file name, stay in the batch unchanged. A
/// member may itself have any of these types and is then one input, or the target, as a whole. `visit_tensors.hpp`
/// lists the types that can contain tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/visit_tensors.hpp"

namespace hone {

namespace detail {

/// Returns references to the members of `batch` that contain tensors, or to `batch` if its type has no members.
template <class Batch>
constexpr auto tensor_members(Batch& batch) {
  return members_with_tensors<TorchTensor>(batch);
}

template <class Batch>
inline constexpr TargetPlace place_of_target = [] {
  using Plain = std::remove_cvref_t<Batch>;
  if constexpr (Structured<Plain>) {
    return target_place<TorchTensor, Plain>();
  } else {
    return TargetPlace{.num_members = holds_tensors<Plain>() ? 1U : 0U};
  }
}();

/// Returns `parts`, a tuple of references, without the element `index`; all of `parts` if `index` is out of range.
template <std::size_t index, class... Parts>
constexpr auto without(const std::tuple<Parts&...>& parts) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    return std::tie(std::get<(i < index ? i : i + 1)>(parts)...);
  }(std::make_index_sequence<sizeof...(Parts) - (index < sizeof...(Parts) ? 1 : 0)>{});
}

}  // namespace detail

/// A batch with inputs and a target: a specialization of `BatchParts`, or at least two members that contain tensors,
/// all of which are unambiguously inputs or the target.
template <class Batch>
concept InputsAndTarget =
    HoldsTensors<Batch> &&
    (NamesParts<std::remove_reference_t<Batch>> ||
     (detail::place_of_target<Batch>.num_members >= 2 && detail::place_of_target<Batch>.are_inputs_clear));

namespace detail {

/// A batch whose inputs are ambiguous and not named by a specialization of `BatchParts`.
template <class Batch>
concept HasUnclearParts =
    HoldsTensors<Batch> && !NamesParts<std::remove_reference_t<Batch>> && !place_of_target<Batch>.are_inputs_clear;

}  // namespace detail

/// Returns the number of samples in a batch: the size of the first dimension of its first tensor that has a dimension.
///
/// **Errors** `DataError` when no tensor has a dimension.
template <HoldsTensors Batch>
[[nodiscard]] std::int64_t batch_size(const Batch& batch) {
  std::int64_t size = -1;
  for_each_tensor(batch, [&size](const at::Tensor& tensor) {
    if (size < 0 && tensor.defined() && tensor.dim() > 0) size = tensor.size(0);
  });
  if (size < 0) {
    throw DataError(
        "The batch has no tensor with a first dimension, so its number of samples is unknown. Give its tensors the "
        "shape [batch, ...].");
  }
  return size;
}

/// Throws unless all tensors of a batch that have dimensions have the same number of samples.
///
/// **Errors** `DataError` with both sizes; also if no tensor has a dimension.
template <HoldsTensors Batch>
void check_batch(const Batch& batch) {
  const auto expected = batch_size(batch);
  int index = 0;
  for_each_tensor(batch, [&](const at::Tensor& tensor) {
    if (tensor.defined() && tensor.dim() > 0 && tensor.size(0) != expected) {
      throw DataError(
          format_message("Tensor {} of the batch has {} samples, but the tensors before it have {}. Give all tensors "
                         "of a batch the same first dimension.",
                         {index, tensor.size(0), expected}));
    }
    ++index;
  });
}

/// Returns references to the parts of `batch`: the target, then the inputs.
template <class Batch>
  requires InputsAndTarget<Batch>
constexpr auto target_and_inputs(Batch& batch) {
  if constexpr (NamesParts<Batch>) {
    using Parts = BatchParts<std::remove_const_t<Batch>>;
    return std::tuple_cat(std::tie(Parts::target(batch)), Parts::inputs(batch));
  } else {
    constexpr auto target = detail::place_of_target<Batch>.target;
    const auto parts = detail::tensor_members(batch);
    return std::tuple_cat(std::tie(std::get<target>(parts)), detail::without<target>(parts));
  }
}

/// Returns references to the inputs in `batch`: all members that contain tensors if `batch` has no target.
///
/// **Errors** one `static_assert` message for a batch whose inputs are ambiguous; see `BatchParts`.
template <class Batch>
  requires HoldsTensors<Batch>
constexpr auto inputs_of(Batch& batch) {
  if constexpr (NamesParts<Batch>) {
    return BatchParts<std::remove_const_t<Batch>>::inputs(batch);
  } else {
    if constexpr (detail::HasUnclearParts<Batch>) {
      static_assert(sizeof(detail::batch_of_unclear_parts<std::remove_const_t<Batch>>) > 0);
    }
    constexpr auto place = detail::place_of_target<Batch>;
    return detail::without<(place.num_members > 1 ? place.target : place.num_members)>(detail::tensor_members(batch));
  }
}

static_assert(!InputsAndTarget<at::Tensor> && !InputsAndTarget<std::vector<at::Tensor>>);
static_assert(InputsAndTarget<std::pair<at::Tensor, at::Tensor>> && !InputsAndTarget<std::pair<at::Tensor, int>>);

}  // namespace hone
