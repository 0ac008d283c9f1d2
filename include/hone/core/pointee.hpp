// SPDX-License-Identifier: Apache-2.0
/// What is behind a handle: a module holder, a smart pointer, `std::ref`.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

namespace hone {

namespace detail {

template <class T>
struct Pointee {
  using type = T;
};
template <class T>
  requires requires(T& handle) {
    *handle;
    handle.operator->();
  }
struct Pointee<T> {
  using type = std::remove_cvref_t<decltype(*std::declval<T&>())>;
};
template <class T>
struct Pointee<std::reference_wrapper<T>> {
  using type = T;
};

}  // namespace detail

/// The type behind a module holder, a smart pointer or a reference wrapper; anything else is its own.
template <class T>
using PointeeOf = typename detail::Pointee<T>::type;

/// What is behind a holder, a smart pointer or a reference wrapper; anything else itself.
template <class T>
decltype(auto) pointee(T& handle) {
  if constexpr (requires {
                  *handle;
                  handle.operator->();
                }) {
    return *handle;
  } else if constexpr (requires { handle.get(); } && !std::is_same_v<PointeeOf<T>, T>) {
    return handle.get();
  } else {
    return (handle);
  }
}

}  // namespace hone
