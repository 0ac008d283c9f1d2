// SPDX-License-Identifier: Apache-2.0
/// Handles: module holders, smart pointers, raw pointers and `std::ref`, and the object that each refers to.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

namespace hone {

namespace detail {

/// A module holder, a smart pointer, or anything else that can be dereferenced in both ways.
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

/// The object behind a handle, and behind a handle to a handle such as `std::ref(holder)`; an object is its own.
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

/// The type of the object behind a handle, without const; a type that is no handle stands for itself.
template <class T>
using PointeeOf = std::remove_cv_t<std::remove_reference_t<decltype(detail::dereferenced(std::declval<T&>()))>>;

/// True for a handle through which the object cannot be changed, such as `std::shared_ptr<const T>` or `std::cref`.
template <class T>
inline constexpr bool is_handle_to_const =
    std::is_const_v<std::remove_reference_t<decltype(detail::dereferenced(std::declval<std::remove_cv_t<T>&>()))>>;

/// The object behind a handle; an object that is no handle itself.
template <class T>
constexpr decltype(auto) pointee(T& handle) {
  return detail::dereferenced(handle);
}

}  // namespace hone
