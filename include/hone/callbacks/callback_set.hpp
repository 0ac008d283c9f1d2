// SPDX-License-Identifier: Apache-2.0
/// A compile-time tuple of callbacks. Who hears what is decided by the compiler: an event that nobody hears leaves no
/// instruction behind, and a callback without state takes no room.
#pragma once

#include <algorithm>
#include <boost/hana.hpp>
#include <concepts>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "hone/callbacks/spelling.hpp"
#include "hone/core/serialize.hpp"
#include "hone/core/type_name.hpp"

namespace hone {

/// The list of callback types in a trainer's type. Several lists are joined in their order.
template <class... Cs>
struct Callbacks {};

/// Tells `event` to one callback that hears it.
template <class C, class E>
void tell(C& callback, const E& event) {
  if constexpr (Relay<C>) {
    callback.tell(event);
  } else {
    HookOf<E>::call(callback, event);
  }
}

/// The name under which a callback's state is kept: its own, or that of its type.
template <class C>
[[nodiscard]] constexpr std::string_view callback_name() {
  if constexpr (requires {
                  { C::name() } -> std::convertible_to<std::string_view>;
                }) {
    return C::name();
  } else {
    return type_name<C>();
  }
}

/// Callbacks in the order in which they are told.
///
/// **Errors** at compile time, one sentence, for a member that is misspelt, uncallable or hears nothing.
template <class... Cs>
class CallbackSet {
 public:
  using relay = void;  // a set may stand in a set

  CallbackSet() = default;
  explicit CallbackSet(Cs... callbacks)
    requires(sizeof...(Cs) > 0)
      : callbacks_(std::move(callbacks)...) {}

  /// True when a callback hears the event `E`.
  template <class E>
  static constexpr bool relays = (false || ... || hone::hears<Cs, E>);

  /// Tells every callback that hears it.
  template <class E>
  void tell(const E& event) {
    boost::hana::for_each(callbacks_, [&event]<class C>(C& callback) {
      if constexpr (hone::hears<C, E>) hone::tell(callback, event);
    });
  }

  /// The smallest of the limits that callbacks set to an epoch of this phase.
  [[nodiscard]] std::optional<std::int64_t> batch_limit(Phase phase) const {
    std::optional<std::int64_t> limit;
    boost::hana::for_each(callbacks_, [&]<class C>(const C& callback) {
      if constexpr (LimitsBatches<C>) {
        const std::optional<std::int64_t> own = callback.batch_limit(phase);
        if (own) limit = limit ? std::min(*limit, *own) : *own;
      }
    });
    return limit;
  }

  /// Shows what the callbacks remember to an archive of the `checkpoint` room, each under its name. One that a file
  /// knows nothing of stays as it is.
  void serialize(auto& archive) {
    std::map<std::string, int> seen;
    boost::hana::for_each(callbacks_, [&]<class C>(C& callback) {
      if constexpr (RemembersState<C>) {
        std::string name(callback_name<C>());
        if (const int number = ++seen[name]; number > 1) name += "#" + std::to_string(number);
        if constexpr (requires { archive.contains(name); }) {
          if (!archive.contains(name)) return;
        }
        serialize_state(archive, name, callback);
      }
    });
  }

  /// The first callback of type `C`.
  template <class C>
  [[nodiscard]] C& get() {
    constexpr std::size_t index = [] {
      constexpr bool is_it[] = {std::is_same_v<C, Cs>..., true};
      std::size_t i = 0;
      while (!is_it[i]) ++i;
      return i;
    }();
    static_assert(index < sizeof...(Cs), "hone: this trainer has no callback of that type.");
    return boost::hana::at_c<index>(callbacks_);
  }

 private:
  static_assert((true && ... && checked_callback<Cs>));

  [[no_unique_address]] boost::hana::basic_tuple<Cs...> callbacks_;  // a `tuple` is never empty
};

template <>
class CallbackSet<> {
 public:
  using relay = void;
  template <class E>
  static constexpr bool relays = false;
  template <class E>
  void tell(const E&) {}
  void serialize(auto&) {}
  [[nodiscard]] std::optional<std::int64_t> batch_limit(Phase) const { return std::nullopt; }
};

}  // namespace hone
