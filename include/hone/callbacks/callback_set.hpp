// SPDX-License-Identifier: Apache-2.0
/// A compile-time tuple of callbacks. Dispatch is resolved at compile time: an event without a handler compiles to
/// nothing, and an empty callback type adds no storage (empty base optimization).
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "hone/callbacks/callback_check.hpp"
#include "hone/callbacks/callback_reference.hpp"
#include "hone/core/fault.hpp"
#include "hone/core/fixed_string.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/hana.hpp"
#include "hone/core/serialize.hpp"
#include "hone/core/type_name.hpp"

namespace hone {

template <FixedString label, class C>
class NamedCallback;

/// A list of callback types in a trainer's type. Several lists are concatenated in order.
template <class... Cs>
struct Callbacks {};

/// A list of default callbacks. A callback of the same type elsewhere in the trainer's type replaces the default.
template <class... Cs>
struct ReplaceableCallbacks {};

/// Dispatches `event` to one callback, which must handle it.
template <class C, class E>
void notify(C& callback, const E& event) {
  if constexpr (EventForwarder<C>) {
    callback.notify(event);
  } else {
    HookOf<E>::call(callback, event);
  }
}

/// Returns the name under which a callback's state is saved: `C::name()` if `C` has it, otherwise the type's name.
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

namespace detail {

/// The callback type in an element type of a set, and the callback's name, which is empty if it has none.
template <class C>
struct NameOf {
  using callback = C;
  static constexpr std::string_view value{};
};
template <FixedString label, class C>
struct NameOf<NamedCallback<label, C>> {
  using callback = C;
  static constexpr std::string_view value = label.view();
};
template <class C>
struct NameOf<CallbackReference<C>> {
  using callback = typename CallbackReference<C>::wrapped;
  static constexpr std::string_view value{};
};

/// Returns the callback that a `CallbackReference` refers to; any other callback is returned as it is.
template <class C>
[[nodiscard]] C& referent(C& callback) {
  return callback;
}
template <class C>
[[nodiscard]] C& referent(CallbackReference<C>& callback) {
  return callback.callback();
}

/// Returns the index of the first callback of type `C`, named or not, in `Cs`; `sizeof...(Cs)` if there is none.
template <class C, class... Cs>
consteval std::size_t index_of_type() {
  constexpr bool is_it[] = {(std::is_same_v<C, Cs> || std::is_same_v<C, typename NameOf<Cs>::callback>)..., true};
  std::size_t i = 0;
  while (!is_it[i]) ++i;
  return i;
}
/// Returns the index of the callback with the name `wanted` in `Cs`; `sizeof...(Cs)` if there is none.
template <class... Cs>
consteval std::size_t index_of_name(std::string_view wanted) {
  const std::string_view names[] = {NameOf<Cs>::value..., wanted};
  std::size_t i = 0;
  while (names[i] != wanted) ++i;
  return i;
}

/// Returns the index of the first of `Cs` with the name of an earlier one; `sizeof...(Cs)` if there is none.
template <class... Cs>
consteval std::size_t index_of_same_name() {
  constexpr std::string_view names[] = {NameOf<Cs>::value...};
  for (std::size_t i = 1; i < sizeof...(Cs); ++i) {
    if (!names[i].empty() && index_of_name<Cs...>(names[i]) < i) return i;
  }
  return sizeof...(Cs);
}

template <class C>
struct callback_type_not_there {
  static_assert(sizeof(C) == 0, "hone: this trainer has no callback of that type.");
};
template <FixedString label>
struct callback_name_not_there {
  static_assert(sizeof(label) == 0,
                "hone: this trainer has no callback of that name. Name one with hone::named<\"name\">(callback).");
};
template <class Second>
struct callbacks_of_one_name {
  static_assert(sizeof(Second) == 0, "hone: two callbacks have the same name. Rename one of them.");
};

/// Returns the type of the fault, without instantiating its message, when two callbacks have the same name.
template <class... Cs>
consteval auto fault_of_callback_names() {
  if constexpr (constexpr std::size_t second = index_of_same_name<Cs...>(); second < sizeof...(Cs)) {
    return std::type_identity<callbacks_of_one_name<std::tuple_element_t<second, std::tuple<Cs...>>>>{};
  } else {
    return std::type_identity<NoFault>{};
  }
}
template <class... Cs>
inline constexpr bool checked_names = without_fault<decltype(fault_of_callback_names<Cs...>())>;

}  // namespace detail

/// A set of callbacks, which are called in the order of `Cs`.
///
/// **Errors** at compile time, one message, for a type that is not a callback (see `checked_callback`), and for two
/// callbacks with the same name.
template <class... Cs>
class CallbackSet {
 public:
  using event_forwarder = void;  // sets can be nested

  CallbackSet() = default;
  /// Takes the callbacks in the order of `Cs`.
  explicit CallbackSet(Cs... callbacks)
    requires(sizeof...(Cs) > 0)
      : callbacks_(std::move(callbacks)...) {}

  /// True if a callback handles the event `E`.
  template <class E>
  static constexpr bool forwards = (false || ... || hone::handles<Cs, E>);

  /// Dispatches `event` to each callback that handles it.
  template <class E>
  void notify(const E& event) {
    notify_each(event, std::index_sequence_for<Cs...>{});
  }

  /// True if a callback works only within a run.
  static constexpr bool needs_run = (false || ... || NeedsRun<Cs>);
  /// Refuses a step outside of a run.
  /// **Errors** `std::logic_error` with the name of the first callback that works only within a run.
  [[noreturn, gnu::cold, gnu::noinline]] static void refuse_step_without_run()
    requires needs_run
  {
    std::string_view name;
    ((name.empty() && NeedsRun<Cs> ? void(name = callback_name<Cs>()) : void()), ...);
    throw std::logic_error(
        format_message("`step` was called outside of a run, but the callback {} requires a run. Begin a run around "
                       "your loop: `auto run = trainer.begin_run({});`, then `run.step(batch)` and `run.end()`.",
                       {name, "{}"}));
  }

  /// Returns the smallest limit of the callbacks for the batches of an epoch of `phase`; empty if there is none.
  [[nodiscard]] std::optional<std::int64_t> batch_limit([[maybe_unused]] Phase phase) const {
    std::optional<std::int64_t> limit;
    if constexpr (!(false || ... || LimitsBatches<Cs>)) return limit;
    const auto add = [&]<class C>(const C& callback) {
      if constexpr (LimitsBatches<C>) {
        const std::optional<std::int64_t> own = callback.batch_limit(phase);
        if (own) limit = limit ? std::min(*limit, *own) : *own;
      }
    };
    std::apply([&add](const auto&... callbacks) { (add(callbacks), ...); }, callbacks_);
    return limit;
  }

  /// Saves or restores the state of each callback under its name; from the second callback of a name on, `#n` follows,
  /// as in `name#2`. A callback without an entry in a loaded archive keeps its state.
  void serialize(auto& archive) {
    std::map<std::string, int> seen;
    const auto show = [&]<class C>(C& callback) {
      if constexpr (RemembersState<C>) {
        std::string name(callback_name<C>());
        if (const int number = ++seen[name]; number > 1) name += "#" + std::to_string(number);
        if constexpr (requires { archive.contains(name); }) {
          if (!archive.contains(name)) return;
        }
        serialize_state(archive, name, callback);
      }
    };
    std::apply([&show](auto&... callbacks) { (show(callbacks), ...); }, callbacks_);
  }

  /// Returns the first callback of type `C`, whether it is stored by value, by reference, or under a name.
  template <class C>
  [[nodiscard]] auto& get() {
    constexpr std::size_t index = detail::index_of_type<C, Cs...>();
    if constexpr (index == sizeof...(Cs)) {
      static_assert(sizeof(detail::callback_type_not_there<C>) > 0);
      return *static_cast<C*>(nullptr);
    } else if constexpr (auto& found = std::get<index>(callbacks_); std::is_same_v<decltype(found), C&>) {
      return found;
    } else {
      return found.callback();
    }
  }

  /// Returns the callback with a name: `get<"head">()`.
  template <FixedString label>
  [[nodiscard]] auto& get() {
    constexpr std::size_t index = detail::index_of_name<Cs...>(label.view());
    if constexpr (index == sizeof...(Cs)) {
      static_assert(sizeof(detail::callback_name_not_there<label>) > 0);
      return *this;
    } else {
      return detail::referent(std::get<index>(callbacks_).callback());
    }
  }

 private:
  static_assert((true && ... && checked_callback<Cs>));
  static_assert(detail::checked_names<Cs...>);

  template <class E, std::size_t... i>
  void notify_each(const E& event, std::index_sequence<i...>) {
    (notify_at<i>(event), ...);
  }
  template <std::size_t i, class E>
  void notify_at(const E& event) {
    using C = std::tuple_element_t<i, std::tuple<Cs...>>;
    if constexpr (hone::handles<C, E>) hone::notify(std::get<i>(callbacks_), event);
  }

  [[no_unique_address]] std::tuple<Cs...> callbacks_;
};

template <class... Cs>
  requires(sizeof...(Cs) > 0)
CallbackSet(Cs...) -> CallbackSet<CallbackOf<Cs>...>;

template <>
class CallbackSet<> {
 public:
  using event_forwarder = void;
  static constexpr bool needs_run = false;
  template <class E>
  static constexpr bool forwards = false;
  template <class E>
  void notify(const E&) {}
  void serialize(auto&) {}
  [[nodiscard]] std::optional<std::int64_t> batch_limit(Phase) const { return std::nullopt; }
  template <class C>
  void get() {
    static_assert(sizeof(detail::callback_type_not_there<C>) > 0);
  }
  template <FixedString label>
  void get() {
    static_assert(sizeof(detail::callback_name_not_there<label>) > 0);
  }
};

}  // namespace hone
