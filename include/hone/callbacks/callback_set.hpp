// SPDX-License-Identifier: Apache-2.0
/// A compile-time tuple of callbacks. Who hears what is decided by the compiler: an event that nobody hears leaves no
/// instruction behind, and a callback without state takes no room.
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

#include "hone/callbacks/callback_reference.hpp"
#include "hone/callbacks/spelling.hpp"
#include "hone/core/fault.hpp"
#include "hone/core/fixed_string.hpp"
#include "hone/core/hana.hpp"
#include "hone/core/sentence.hpp"
#include "hone/core/serialize.hpp"
#include "hone/core/type_name.hpp"

namespace hone {

template <FixedString label, class C>
class NamedCallback;

/// The list of callback types in a trainer's type. Several lists are joined in their order.
template <class... Cs>
struct Callbacks {};

/// The same of defaults: callbacks of a trainer replace those of their type in it.
template <class... Cs>
struct ReplaceableCallbacks {};

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

namespace detail {

/// The callback in a type of a set, and the name it may have there.
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

/// The callback itself, where `callback` is a reference to one.
template <class C>
[[nodiscard]] C& referent(C& callback) {
  return callback;
}
template <class C>
[[nodiscard]] C& referent(CallbackReference<C>& callback) {
  return callback.callback();
}

/// Where `C` stands among `Cs`, behind a name or without one; the number of `Cs` when it is not there.
template <class C, class... Cs>
consteval std::size_t index_of_type() {
  constexpr bool is_it[] = {(std::is_same_v<C, Cs> || std::is_same_v<C, typename NameOf<Cs>::callback>)..., true};
  std::size_t i = 0;
  while (!is_it[i]) ++i;
  return i;
}
/// Where the callback of the name `wanted` stands among `Cs`; the number of `Cs` when there is none.
template <class... Cs>
consteval std::size_t index_of_name(std::string_view wanted) {
  const std::string_view names[] = {NameOf<Cs>::value..., wanted};
  std::size_t i = 0;
  while (names[i] != wanted) ++i;
  return i;
}

/// The first of `Cs` whose name an earlier one has too; the number of `Cs` when there is none.
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
  static_assert(sizeof(Second) == 0, "hone: two callbacks have the same name. Give one of them another.");
};

/// Names, without instantiating it, the sentence for callbacks that cannot stand beside each other.
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

/// Callbacks in the order in which they are told.
///
/// **Errors** at compile time, one sentence, for a member that is misspelt, uncallable or hears nothing, and for two of
/// one name.
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
    tell_each(event, std::index_sequence_for<Cs...>{});
  }

  /// True when a callback works only in a run.
  static constexpr bool needs_run = (false || ... || NeedsRun<Cs>);
  /// **Errors** `std::logic_error` that names the first callback that works only in a run.
  [[noreturn, gnu::cold, gnu::noinline]] static void refuse_step_without_run()
    requires needs_run
  {
    std::string_view name;
    ((name.empty() && NeedsRun<Cs> ? void(name = callback_name<Cs>()) : void()), ...);
    throw std::logic_error(
        sentence("`step` was called outside of a run, and the callback {} works only inside of one. Begin a run around "
                 "your loop: `auto run = trainer.begin_run({});`, then `run.step(batch)` and `run.end()`.",
                 {name, "{}"}));
  }

  /// The smallest of the limits that callbacks set to an epoch of this phase.
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

  /// Shows what the callbacks remember to an archive of the `checkpoint` room, each under its name. One that a file
  /// knows nothing of stays as it is.
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

  /// The first callback of type `C`, with a name or without, held by value or by reference.
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

  /// The callback behind a name: `get<"head">()`.
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
  void tell_each(const E& event, std::index_sequence<i...>) {
    (tell_one<i>(event), ...);
  }
  template <std::size_t i, class E>
  void tell_one(const E& event) {
    using C = std::tuple_element_t<i, std::tuple<Cs...>>;
    if constexpr (hone::hears<C, E>) hone::tell(std::get<i>(callbacks_), event);
  }

  [[no_unique_address]] std::tuple<Cs...> callbacks_;
};

template <class... Cs>
  requires(sizeof...(Cs) > 0)
CallbackSet(Cs...) -> CallbackSet<CallbackOf<Cs>...>;

template <>
class CallbackSet<> {
 public:
  using relay = void;
  static constexpr bool needs_run = false;
  template <class E>
  static constexpr bool relays = false;
  template <class E>
  void tell(const E&) {}
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
