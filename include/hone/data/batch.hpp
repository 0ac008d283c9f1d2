// SPDX-License-Identifier: Apache-2.0
/// Batches of any type: which of their members are the model's inputs and which one is the target.
///
/// | batch | inputs of the model | target |
/// | --- | --- | --- |
/// | `at::Tensor` | the tensor | none |
/// | `std::pair` | `first` | `second` |
/// | `std::tuple`, `std::array` | all but the last | the last |
/// | `torch::data::Example` | `data` | `target`, where it has one |
/// | struct adapted with `BOOST_HANA_DEFINE_STRUCT` or `BOOST_HANA_ADAPT_STRUCT` | all but the last | the last |
/// | `std::vector`, `std::map` and other containers | the container | none |
///
/// Only members that hold tensors are counted: a file name or a weight beside them is carried along and never touched.
/// A member may itself be any of these types; it is then one input, or the target, as a whole. `visit_tensors.hpp` says
/// where tensors are found.
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

/// A tuple of one reference, or of none when `Member` holds no tensor.
template <class Member>
constexpr auto tie_if_tensors(Member& member) {
  if constexpr (holds_tensors<std::remove_const_t<Member>>()) {
    return std::tie(member);
  } else {
    return std::tuple<>{};
  }
}

/// References to those members of `batch` that hold tensors; a batch without members is its own only member.
template <class Batch>
constexpr auto tensor_members(Batch& batch) {
  if constexpr (Structured<std::remove_const_t<Batch>>) {
    return std::apply([](auto&... parts) { return std::tuple_cat(tie_if_tensors(parts)...); }, members(batch));
  } else {
    return tie_if_tensors(batch);
  }
}

template <class Batch>
constexpr std::size_t tensor_member_count = std::tuple_size_v<decltype(tensor_members(std::declval<Batch&>()))>;

/// Calls `f` with the first `count` of `parts`, after whatever is in `before`.
template <std::size_t count, class F, class Parts, class... Before>
constexpr decltype(auto) call_with(F&& f, const Parts& parts, Before&... before) {
  return [&]<std::size_t... index>(std::index_sequence<index...>) -> decltype(auto) {
    return std::forward<F>(f)(before..., std::get<index>(parts)...);
  }(std::make_index_sequence<count>{});
}

}  // namespace detail

/// A batch with at least two members that hold tensors: the last is the target, the others are the model's inputs.
template <class Batch>
concept InputsAndTarget = HoldsTensors<Batch> && detail::Structured<std::remove_cvref_t<Batch>> &&
                          (detail::tensor_member_count<std::remove_reference_t<Batch>> >= 2);

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
  const auto parts = detail::tensor_members(batch);
  constexpr auto last = std::tuple_size_v<std::remove_const_t<decltype(parts)>> - 1;
  return detail::call_with<last>(std::forward<F>(f), parts, std::get<last>(parts));
}

/// Returns `f(inputs...)`: as above with the target dropped. A batch that has no target is all input.
template <class Batch, class F>
  requires HoldsTensors<Batch>
constexpr decltype(auto) with_inputs(Batch&& batch, F&& f) {
  const auto parts = detail::tensor_members(batch);
  constexpr auto count = std::tuple_size_v<std::remove_const_t<decltype(parts)>>;
  return detail::call_with<(count > 1 ? count - 1 : 1)>(std::forward<F>(f), parts);
}

static_assert(!InputsAndTarget<at::Tensor> && !InputsAndTarget<std::vector<at::Tensor>>);
static_assert(InputsAndTarget<std::pair<at::Tensor, at::Tensor>> && !InputsAndTarget<std::pair<at::Tensor, int>>);

}  // namespace hone
