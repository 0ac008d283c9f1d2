// SPDX-License-Identifier: Apache-2.0
/// Access to the objects behind handles: module holders, smart pointers, raw pointers and `std::reference_wrapper`.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

namespace hone {

namespace detail {

/// A type with unary `operator*` and `operator->`, such as a module holder or a smart pointer.
template <class T>
concept Dereferenceable = requires(T& handle) {
  *handle;
  handle.operator->();
};

template <class T>
constexpr bool is_reference_wrapper = false;
template <class T>
constexpr bool is_reference_wrapper<std::reference_wrapper<T>> = true;
template <class T>
constexpr bool is_reference_wrapper<const std::reference_wrapper<T>> = true;

template <class T>
concept PointerToObject = std::is_pointer_v<T> && std::is_class_v<std::remove_pointer_t<T>>;

/// Returns the object behind a handle, or behind nested handles such as `std::ref(holder)`. Returns `handle` if it is
/// not a handle.
template <class T>
constexpr decltype(auto) dereferenced(T& handle) {
  if constexpr (is_reference_wrapper<T>) {
    return dereferenced(handle.get());
  } else if constexpr (Dereferenceable<T> || PointerToObject<T>) {
    return dereferenced(*handle);
  } else {
    return (handle);
  }
}

}  // namespace detail

/// The type of the object behind a handle, or `T` if it is not a handle, without const and volatile.
template <class T>
using UnwrapRef = std::remove_cv_t<std::remove_reference_t<decltype(detail::dereferenced(std::declval<T&>()))>>;

/// True if `T` is a handle to a const object, such as `std::shared_ptr<const Model>` or the result of `std::cref`.
template <class T>
inline constexpr bool is_handle_to_const =
    std::is_const_v<std::remove_reference_t<decltype(detail::dereferenced(std::declval<std::remove_cv_t<T>&>()))>>;

/// Returns the object behind a handle, or `handle` if it is not a handle.
template <class T>
constexpr decltype(auto) unwrap(T& handle) {
  return detail::dereferenced(handle);
}

}  // namespace hone
