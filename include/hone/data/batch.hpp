// SPDX-License-Identifier: Apache-2.0
/// Batches of any type: which of their members are the model's inputs and which one is the target.
///
/// `core/batch_members.hpp` says which member is the target. `at::Tensor`, and containers such as `std::vector`, are all
/// input.
///
/// Only members that hold tensors are counted: a file name beside them is carried along and never touched. A member may
/// itself be any of these types; it is then one input, or the target, as a whole. `visit_tensors.hpp` says where tensors are
/// found.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/data/visit_tensors.hpp"

namespace hone {

namespace detail {

/// References to those members of `batch` that hold tensors; a batch without members is its own only member.
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

/// Calls `f` with what is in `before` and all of `parts` but the one at `without`.
template <std::size_t without, class F, class Parts, class... Before>
constexpr decltype(auto) call_without(F&& f, const Parts& parts, Before&... before) {
  constexpr std::size_t count = std::tuple_size_v<Parts> - (without < std::tuple_size_v<Parts> ? 1 : 0);
  return [&]<std::size_t... index>(std::index_sequence<index...>) -> decltype(auto) {
    return std::forward<F>(f)(before..., std::get<(index < without ? index : index + 1)>(parts)...);
  }(std::make_index_sequence<count>{});
}

}  // namespace detail

/// A batch with inputs of the model and a target: at least two members that hold tensors, or a specialization of
/// `BatchParts`.
template <class Batch>
concept InputsAndTarget =
    HoldsTensors<Batch> &&
    (NamesParts<std::remove_reference_t<Batch>> ||
     (detail::place_of_target<Batch>.num_members >= 2 && detail::place_of_target<Batch>.are_inputs_clear));

namespace detail {

/// Has more tensors than inputs and a target, and does not say which are which.
template <class Batch>
concept HasUnclearParts = HoldsTensors<Batch> && !NamesParts<std::remove_reference_t<Batch>> &&
                          !place_of_target<Batch>.are_inputs_clear;

}  // namespace detail

/// How many samples a batch holds: the first dimension of its first tensor that has one.
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

/// Checks that all tensors of a batch that have dimensions hold the same number of samples.
///
/// **Errors** `DataError` naming both sizes.
template <HoldsTensors Batch>
void check_batch(const Batch& batch) {
  const auto expected = batch_size(batch);
  int index = 0;
  for_each_tensor(batch, [&](const at::Tensor& tensor) {
    if (tensor.defined() && tensor.dim() > 0 && tensor.size(0) != expected) {
      throw DataError(
          sentence("Tensor {} of the batch holds {} samples where those before it hold {}. Give all tensors of a "
                   "batch the same first dimension.",
                   {index, tensor.size(0), expected}));
    }
    ++index;
  });
}

/// Returns `f(target, inputs...)` for the parts of `batch`, passed by reference.
template <class Batch, class F>
  requires InputsAndTarget<Batch>
constexpr decltype(auto) with_inputs_and_target(Batch&& batch, F&& f) {
  if constexpr (NamesParts<std::remove_reference_t<Batch>>) {
    using Parts = BatchParts<std::remove_cvref_t<Batch>>;
    auto& target = Parts::target(batch);
    return std::apply([&](auto&... inputs) -> decltype(auto) { return std::forward<F>(f)(target, inputs...); },
                      Parts::inputs(batch));
  } else {
    const auto parts = detail::tensor_members(batch);
    constexpr auto target = detail::place_of_target<Batch>.target;
    return detail::call_without<target>(std::forward<F>(f), parts, std::get<target>(parts));
  }
}

/// Returns `f(inputs...)`: as above with the target dropped. A batch that has no target is all input.
///
/// **Errors** at compile time for a batch with more than inputs and a target, unless `BatchParts` names them.
template <class Batch, class F>
  requires HoldsTensors<Batch>
constexpr decltype(auto) with_inputs(Batch&& batch, F&& f) {
  if constexpr (NamesParts<std::remove_reference_t<Batch>>) {
    return std::apply(std::forward<F>(f), BatchParts<std::remove_cvref_t<Batch>>::inputs(batch));
  } else {
    if constexpr (detail::HasUnclearParts<Batch>) {
      static_assert(sizeof(detail::batch_of_unclear_parts<std::remove_cvref_t<Batch>>) > 0);
    }
    const auto parts = detail::tensor_members(batch);
    constexpr auto place = detail::place_of_target<Batch>;
    return detail::call_without<(place.num_members > 1 ? place.target : place.num_members)>(std::forward<F>(f), parts);
  }
}

static_assert(!InputsAndTarget<at::Tensor> && !InputsAndTarget<std::vector<at::Tensor>>);
static_assert(InputsAndTarget<std::pair<at::Tensor, at::Tensor>> && !InputsAndTarget<std::pair<at::Tensor, int>>);

}  // namespace hone
