// SPDX-License-Identifier: Apache-2.0
/// Who remembers something that a saved run needs, and how it shows that to an archive.
///
/// A thing says in one function what it remembers; the same function saves and loads, and an archive is anything that
/// can be called with a name and a value:
/// ```
/// void serialize(auto& archive) {
///   archive("best", best);
///   archive("waited", waited);
/// }
/// ```
/// Where what is remembered stands in a member `state`, the function may stand there.
#pragma once

#include <concepts>
#include <string_view>
#include <type_traits>

namespace hone {

namespace detail {

struct AnyArchive {
  static constexpr bool is_loading = false;
  void operator()(std::string_view name, auto&& value);
};

}  // namespace detail

/// Has `serialize` of its own.
template <class T>
concept HasSerialize = requires(T& thing, detail::AnyArchive& archive) { thing.serialize(archive); };

/// Keeps what it remembers in a member `state` that can be shown to an archive: it has `serialize`, or is a list of
/// numbers.
template <class T>
concept HasState = requires(T& thing) { thing.state; } && (HasSerialize<decltype(T::state)> || requires(T& thing) {
                     requires std::is_arithmetic_v<std::remove_cvref_t<decltype(thing.state[0])>>;
                   });

/// Remembers something.
template <class T>
concept RemembersState = HasSerialize<T> || HasState<T>;

/// Shows what `thing` remembers to `archive`, under `name`. A thing that remembers nothing is passed over.
void serialize_state(auto& archive, std::string_view name, auto& thing) {
  using Thing = std::remove_reference_t<decltype(thing)>;
  if constexpr (HasSerialize<Thing>) {
    archive(name, thing);
  } else if constexpr (HasState<Thing>) {
    archive(name, thing.state);
  }
}

}  // namespace hone
