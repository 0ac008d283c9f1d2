// SPDX-License-Identifier: Apache-2.0
/// Batches of any type: which of their members are tensors, and which of those are the model's inputs and the target.
///
/// | batch | inputs of the model | target |
/// | --- | --- | --- |
/// | `at::Tensor` | the tensor | none |
/// | `std::pair` | `first` | `second` |
/// | `std::tuple`, `std::array` | all but the last | the last |
/// | `torch::data::Example` | `data` | `target`, where it has one |
/// | struct adapted with `BOOST_HANA_DEFINE_STRUCT` or `BOOST_HANA_ADAPT_STRUCT` | all but the last, in order | the
/// last | | `std::vector` | the vector | none |
///
/// Only members that hold tensors are counted: a file name or a weight beside them is carried along and never touched.
/// A member may itself be any of these types; it is then one input, or the target, as a whole.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <boost/hana.hpp>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

namespace detail {

template <class T>
constexpr bool is_vector = false;
template <class T, class Allocator>
constexpr bool is_vector<std::vector<T, Allocator>> = true;

template <class T>
constexpr bool is_tuple = false;
template <class First, class Second>
constexpr bool is_tuple<std::pair<First, Second>> = true;
template <class... Members>
constexpr bool is_tuple<std::tuple<Members...>> = true;
template <class T, std::size_t count>
constexpr bool is_tuple<std::array<T, count>> = true;

template <class T>
concept HanaStruct = std::is_class_v<T> && boost::hana::Struct<T>::value;

template <class T>
concept HasData = std::is_class_v<T> && requires(T& whole) { requires std::is_object_v<decltype(whole.data)>; };

template <class T>
concept HasDataAndTarget = HasData<T> && requires(T& whole) { requires std::is_object_v<decltype(whole.target)>; };

/// A type whose members are known when the program is compiled.
template <class T>
concept Structured = is_tuple<T> || HanaStruct<T> || HasData<T>;

/// References to the members of `whole`, in order.
template <class T>
  requires Structured<std::remove_const_t<T>>
constexpr auto members(T& whole) {
  using Whole = std::remove_const_t<T>;
  if constexpr (HanaStruct<Whole>) {
    return boost::hana::unpack(boost::hana::accessors<Whole>(), [&whole](auto... accessors) {
      return std::tie(boost::hana::second(accessors)(whole)...);
    });
  } else if constexpr (is_tuple<Whole>) {
    return std::apply([](auto&... parts) { return std::tie(parts...); }, whole);
  } else if constexpr (HasDataAndTarget<Whole>) {
    return std::tie(whole.data, whole.target);
  } else {
    return std::tie(whole.data);
  }
}

template <class T>
using MembersOf = decltype(members(std::declval<T&>()));

template <class T>
consteval bool holds_tensors() {
  if constexpr (std::is_same_v<T, at::Tensor>) {
    return true;
  } else if constexpr (is_vector<T>) {
    return holds_tensors<typename T::value_type>();
  } else if constexpr (Structured<T>) {
    return []<class... Parts>(std::type_identity<std::tuple<Parts&...>>) {
      return (holds_tensors<std::remove_const_t<Parts>>() || ...);
    }(std::type_identity<MembersOf<T>>{});
  } else {
    return false;
  }
}

template <class T>
consteval bool holds_only_tensors() {
  if constexpr (std::is_same_v<T, at::Tensor>) {
    return true;
  } else if constexpr (is_vector<T>) {
    return holds_only_tensors<typename T::value_type>();
  } else if constexpr (Structured<T>) {
    return []<class... Parts>(std::type_identity<std::tuple<Parts&...>>) {
      return (holds_only_tensors<std::remove_const_t<Parts>>() && ...);
    }(std::type_identity<MembersOf<T>>{});
  } else {
    return false;
  }
}

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

/// A type that is a tensor or has one somewhere inside.
template <class Batch>
concept HoldsTensors = detail::holds_tensors<std::remove_cvref_t<Batch>>();

/// A batch with at least two members that hold tensors: the last is the target, the others are the model's inputs.
template <class Batch>
concept InputsAndTarget = HoldsTensors<Batch> && detail::Structured<std::remove_cvref_t<Batch>> &&
                          (detail::tensor_member_count<std::remove_reference_t<Batch>> >= 2);

/// Calls `f` with a reference to every tensor in `batch`, in order; members that are no tensors are passed over.
template <class Batch, class F>
constexpr void for_each_tensor(Batch& batch, F&& f) {
  using Plain = std::remove_const_t<Batch>;
  if constexpr (std::is_same_v<Plain, at::Tensor>) {
    f(batch);
  } else if constexpr (!HoldsTensors<Plain>) {
    return;
  } else if constexpr (detail::is_vector<Plain>) {
    for (auto& element : batch) for_each_tensor(element, f);
  } else {
    std::apply([&f](auto&... parts) { (for_each_tensor(parts, f), ...); }, detail::members(batch));
  }
}

/// A copy of `batch` in which each tensor is replaced by `f(tensor)`.
///
/// **Cost** copies the members that are no tensors; tensors are copied as handles.
/// **Example** `map_tensors(batch, [](const at::Tensor& t) { return t.to(at::kCUDA); })`
template <HoldsTensors Batch, class F>
[[nodiscard]] constexpr Batch map_tensors(const Batch& batch, F&& f) {
  Batch mapped = batch;
  for_each_tensor(mapped, [&f](at::Tensor& tensor) { tensor = f(std::as_const(tensor)); });
  return mapped;
}

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
