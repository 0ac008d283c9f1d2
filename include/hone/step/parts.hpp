// SPDX-License-Identifier: Apache-2.0
/// The types and values of a trainer's parts, found among its template and constructor arguments.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "hone/callbacks/callback_set.hpp"
#include "hone/core/compatibility.hpp"

namespace hone {

namespace detail {

/// True if `C` is `Default`, or wraps one in filters or a name.
template <class C, class Default>
constexpr bool replaces() {
  if constexpr (std::is_same_v<C, Default>) {
    return true;
  } else if constexpr (requires { typename C::wrapped; }) {
    return replaces<typename C::wrapped, Default>();
  } else {
    return false;
  }
}

/// The callbacks `Before` and `After`, with the `Defaults` that none of them replaces between the two. Defaults keep
/// their relative order: a default comes after the callback that replaces an earlier default.
template <class Before, class Defaults, class After>
struct WithDefaults;
template <class... Before, class... After>
struct WithDefaults<Callbacks<Before...>, Callbacks<>, Callbacks<After...>> {
  using type = Callbacks<Before..., After...>;
};
template <class... Before, class Default, class... Defaults, class... After>
  requires(replaces<Before, Default>() || ...)
struct WithDefaults<Callbacks<Before...>, Callbacks<Default, Defaults...>, Callbacks<After...>>
    : WithDefaults<Callbacks<Before...>, Callbacks<Defaults...>, Callbacks<After...>> {};
template <class... Before, class Default, class... Defaults, class... After>
  requires(!(replaces<Before, Default>() || ...) && !(replaces<After, Default>() || ...))
struct WithDefaults<Callbacks<Before...>, Callbacks<Default, Defaults...>, Callbacks<After...>>
    : WithDefaults<Callbacks<Before..., Default>, Callbacks<Defaults...>, Callbacks<After...>> {};
template <class... Before, class Default, class... Defaults, class First, class... After>
  requires(!(replaces<Before, Default>() || ...) && (replaces<First, Default>() || ... || replaces<After, Default>()))
struct WithDefaults<Callbacks<Before...>, Callbacks<Default, Defaults...>, Callbacks<First, After...>>
    : WithDefaults<Callbacks<Before..., First>, Callbacks<Default, Defaults...>, Callbacks<After...>> {};

/// The callbacks `Before`, then all callbacks in `Policies`.
template <class Before, class... Policies>
struct JoinedCallbacks;
template <class Before>
struct JoinedCallbacks<Before> {
  using type = Before;
};
template <class... As, class... Bs, class... Rest>
struct JoinedCallbacks<Callbacks<As...>, Callbacks<Bs...>, Rest...>
    : JoinedCallbacks<Callbacks<As..., Bs...>, Rest...> {};
template <class Before, class... Defaults, class... Rest>
struct JoinedCallbacks<Before, ReplaceableCallbacks<Defaults...>, Rest...>
    : WithDefaults<Before, Callbacks<Defaults...>, typename JoinedCallbacks<Callbacks<>, Rest...>::type> {};
template <class Before, class Other, class... Rest>
  requires(!is_callback_list<Other>)
struct JoinedCallbacks<Before, Other, Rest...> : JoinedCallbacks<Before, Rest...> {};

template <class List>
struct SetOfCallbacks;
template <class... Cs>
struct SetOfCallbacks<Callbacks<Cs...>> {
  using type = CallbackSet<Cs...>;
};

template <class... Policies>
struct OverridesAmong {
  using type = NoOverrides;
};
template <class First, class... Rest>
struct OverridesAmong<First, Rest...>
    : std::conditional_t<OverridesArgument<First>, std::type_identity<First>, OverridesAmong<Rest...>> {};

template <class A>
struct Meaning {
  static constexpr bool is_callback = EventForwarder<A> || first_uncallable<A>() != Hook::none ||
                                      first_miss<A>() != Miss::none || handles_any_event<A> || LimitsBatches<A>;
  using type = std::conditional_t<TrainerArgument<A> || !is_callback, A, Callbacks<A>>;
};
template <class C>
struct Meaning<std::reference_wrapper<C>> {
  using type = Callbacks<CallbackReference<C>>;
};
template <class C>
struct Meaning<std::shared_ptr<C>> {
  using type = Callbacks<CallbackReference<C>>;
};
/// The trainer's template argument for a constructor argument of type `A`: `Callbacks<...>` for a callback, else `A`.
template <class A>
using AsPolicy = typename Meaning<A>::type;

template <class Value>
struct unexpected_argument {
  static_assert(sizeof(Value) == 0,
                "hone: the type of a constructor argument is not among the trainer's template arguments. Add it there, "
                "or omit the template arguments: hone::Trainer{model, loss, optimizer, ...} deduces them.");
};
struct expected_argument {};

template <class T>
struct missing_argument {
  static_assert(
      sizeof(T) == 0,
      "hone: a policy, callback or override among the trainer's template arguments is not default-constructible. Pass "
      "it to the constructor, as in hone::Trainer{model, loss, optimizer, hone::ClipNorm{.max_norm = 1.0}}.");
};

}  // namespace detail

/// The set of all callbacks in a list of policies, in order.
template <class... Policies>
using CallbacksAmong =
    typename detail::SetOfCallbacks<typename detail::JoinedCallbacks<Callbacks<>, Policies...>::type>::type;

/// The one type with overrides in a list of policies, or `NoOverrides`.
template <class... Policies>
using OverridesAmong = typename detail::OverridesAmong<Policies...>::type;

/// Values for the parts of a trainer, found by type: the `nth` value of type `T`, else a default-constructed `T`. A
/// `std::reference_wrapper` or a `std::shared_ptr` to a callback has the type `CallbackReference`.
template <class... Values>
class ConstructorArgs {
 public:
  explicit ConstructorArgs(Values&... values)
      : values_(values...) {}  ///< Refers to the values, which `take` moves from.

  /// Moves out the `nth` value of type `T`.
  template <class T, std::size_t nth = 0>
  [[nodiscard]] T take() const {
    constexpr std::size_t index = find<T>(nth);
    if constexpr (index < sizeof...(Values)) {
      return T(std::move(std::get<index>(values_)));
    } else if constexpr (std::is_default_constructible_v<T>) {
      return T();
    } else {
      static_assert(sizeof(detail::missing_argument<T>) > 0);
    }
  }

  /// Returns a set of callbacks. Several callbacks of one type get their values in order.
  template <class... Cs>
  [[nodiscard]] CallbackSet<Cs...> callbacks(std::type_identity<CallbackSet<Cs...>>) const {
    if constexpr (sizeof...(Cs) == 0) {
      return {};
    } else {
      return [&]<std::size_t... i>(std::index_sequence<i...>) {
        return CallbackSet<Cs...>(take<Cs, earlier<Cs, Cs...>(i)>()...);
      }(std::index_sequence_for<Cs...>{});
    }
  }

 private:
  template <class T, class... Cs>
  static constexpr bool is_one_of(std::type_identity<Callbacks<Cs...>>) {
    return (false || ... || std::is_same_v<T, Cs>);
  }
  template <class T, class... Cs>
  static constexpr bool is_one_of(std::type_identity<ReplaceableCallbacks<Cs...>>) {
    return (false || ... || std::is_same_v<T, Cs>);
  }
  template <class T, class P>
  static constexpr bool is_one_of(std::type_identity<P>) {
    return false;
  }
  template <class T, class... Policies>
  static constexpr bool is_among =
      (false || ... || (std::is_same_v<T, Policies> || is_one_of<T>(std::type_identity<Policies>{})));

  template <class T>
  static consteval std::size_t find(std::size_t nth) {
    constexpr bool is_it[] = {std::is_same_v<T, CallbackOf<Values>>..., true};
    std::size_t i = 0;
    for (; i < sizeof...(Values); ++i) {
      if (is_it[i] && nth-- == 0) break;
    }
    return i;
  }
  /// Returns the number of `T` among the first `end` types of `Cs`.
  template <class T, class... Cs>
  static consteval std::size_t earlier(std::size_t end) {
    constexpr bool is_it[] = {std::is_same_v<T, Cs>...};
    std::size_t count = 0;
    for (std::size_t i = 0; i < end; ++i) count += is_it[i] ? 1 : 0;
    return count;
  }

  std::tuple<Values&...> values_;

 public:
  /// True if the type of every value is among `Policies` or in a list of callbacks there, else a compile-time error.
  template <class... Policies>
  static constexpr bool all_among =
      (true && ... &&
       (sizeof(std::conditional_t<is_among<CallbackOf<Values>, Policies...>, detail::expected_argument,
                                  detail::unexpected_argument<Values>>) > 0));
};

}  // namespace hone
