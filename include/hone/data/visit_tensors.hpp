// SPDX-License-Identifier: Apache-2.0
/// Visitors of the tensors in a value of any type: a batch, a sample, a model's outputs.
///
/// | type | tensors |
/// | --- | --- |
/// | `at::Tensor` | the tensor |
/// | `std::pair`, `std::tuple`, types that derive from these, `std::array` | in all members |
/// | struct adapted with `BOOST_HANA_DEFINE_STRUCT` or `BOOST_HANA_ADAPT_STRUCT` | in all adapted members |
/// | struct of `data`, or of `data` and `target`, as `torch::data::Example` | in `data` and `target` |
/// | `std::optional`, `std::variant` | in the current value |
/// | containers that own their elements: `std::vector`, `std::list`, ... | in all elements |
/// | `std::map`, `std::unordered_map`, ... | in all mapped values |
///
/// Any other type counts as a type without tensors. This includes smart pointers and views, because the objects that
/// they refer to may have other users. Adapt a struct so that all of its tensors are moved to the device.
#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "hone/core/batch_members.hpp"
#include "hone/core/hana.hpp"

namespace hone {

namespace detail {

/// The predicate that `holds` uses to find LibTorch's tensors.
struct TorchTensor {
  template <class T>
  static constexpr bool is = std::is_same_v<T, at::Tensor>;
};

template <class T>
consteval bool holds_tensors() {
  return holds<TorchTensor, T, false>();
}
template <class T>
consteval bool holds_only_tensors() {
  return holds<TorchTensor, T, true>();
}

template <class T>
struct Owned {
  using type = T;
};
template <class T>
using OwnedOf = typename Owned<std::remove_cvref_t<T>>::type;
template <class First, class Second>
struct Owned<std::pair<First, Second>> {
  using type = std::pair<OwnedOf<First>, OwnedOf<Second>>;
};
template <class... Members>
struct Owned<std::tuple<Members...>> {
  using type = std::tuple<OwnedOf<Members>...>;
};
template <class T>
  requires(is_tuple<T> && !is_array<T> &&
           !std::same_as<T, typename decltype(detail::tuple_in(static_cast<T*>(nullptr)))::type> &&
           !std::same_as<typename decltype(detail::tuple_in(static_cast<T*>(nullptr)))::type,
                         typename Owned<typename decltype(detail::tuple_in(static_cast<T*>(nullptr)))::type>::type>)
struct Owned<T> : Owned<typename decltype(detail::tuple_in(static_cast<T*>(nullptr)))::type> {};

}  // namespace detail

/// A type that is a tensor or contains one at any depth.
template <class T>
concept HoldsTensors = detail::holds_tensors<std::remove_cvref_t<T>>();

/// False for a class that hone cannot look into, which may contain tensors that hone does not find.
///
/// Specialize `holds_no_tensors` as true for a class without tensors.
template <class T>
inline constexpr bool holds_no_tensors = !std::is_class_v<T> || detail::Structured<T> || detail::is_optional<T> ||
                                         detail::is_variant<T> || detail::ContainerOfElements<T>;

namespace detail {

template <class Batch>
struct batch_of_unknown_type {
  static_assert(
      sizeof(Batch) == 0,
      "hone: the members of this batch type are unknown, so its tensors could be neither moved nor converted. Adapt "
      "the type with BOOST_HANA_ADAPT_STRUCT, or specialize hone::holds_no_tensors if it has no tensors.");
};

/// True for a batch with tensors or with `holds_no_tensors`; else one `static_assert` message.
template <class Batch>
inline constexpr bool checked_batch = sizeof(std::conditional_t<HoldsTensors<Batch> || holds_no_tensors<Batch>,
                                                                std::true_type, batch_of_unknown_type<Batch>>) > 0;

}  // namespace detail

/// The type that owns a value of type `T`: a pair or a tuple of references becomes a pair or a tuple of values.
template <class T>
using OwnedBatch = detail::OwnedOf<T>;

/// Calls `f` with a reference to every tensor in `whole`, in order. Skips members without tensors.
template <class T, class F>
constexpr void for_each_tensor(T& whole, F&& f) {
  using Plain = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Plain, at::Tensor>) {
    f(whole);
  } else if constexpr (!HoldsTensors<Plain>) {
    return;
  } else if constexpr (detail::Structured<Plain>) {
    std::apply([&f](auto&... parts) { (for_each_tensor(parts, f), ...); }, detail::members(whole));
  } else if constexpr (detail::is_optional<Plain>) {
    if (whole) for_each_tensor(*whole, f);
  } else if constexpr (detail::is_variant<Plain>) {
    std::visit([&f](auto& value) { for_each_tensor(value, f); }, whole);
  } else if constexpr (detail::MapOfValues<Plain>) {
    for (auto& [key, value] : whole) for_each_tensor(value, f);
  } else {
    for (auto& element : whole) for_each_tensor(element, f);
  }
}

namespace detail {

template <HoldsTensors T>
[[nodiscard]] constexpr OwnedBatch<T> owned_copy(const T& whole) {
  using Copy = OwnedBatch<T>;
  if constexpr (!std::is_same_v<Copy, T> && requires { Copy(whole.first, whole.second); }) {
    return Copy(whole.first, whole.second);  // `ranges::common_pair` has two conversions to `Copy`
  } else {
    return Copy(whole);
  }
}

}  // namespace detail

/// Returns a copy of `whole` in which each tensor is replaced by `f(tensor)`.
///
/// **Cost** copies members that are not tensors; copies tensors as handles.
/// **Example** `map_tensors(batch, [](const at::Tensor& t) { return t.to(at::kCUDA); })`
template <HoldsTensors T, class F>
[[nodiscard]] constexpr OwnedBatch<T> map_tensors(const T& whole, F&& f) {
  OwnedBatch<T> mapped = detail::owned_copy(whole);
  for_each_tensor(mapped, [&f](at::Tensor& tensor) { tensor = f(std::as_const(tensor)); });
  return mapped;
}

}  // namespace hone
