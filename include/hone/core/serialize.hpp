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
/// Where what is remembered stands in a member `state`, the function may stand there. What a file says may be anything:
/// `serialize_count` refuses counts that nothing could go on from, other checks follow `if (archive.is_loading)`.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "hone/core/error.hpp"

namespace hone {

namespace detail {

struct AnyArchive {
  static constexpr bool is_loading = false;
  void operator()(std::string_view name, auto&& value);
};

[[noreturn]] inline void refuse_count(std::string_view name, std::int64_t count) {
  throw DataError("'" + std::string(name) + "' is " + std::to_string(count) + ", which is no count.");
}
/// A count that is too large to be one, and for much to be added to.
template <class T>
inline constexpr std::int64_t too_many =
    sizeof(T) < sizeof(std::int64_t) ? std::int64_t{std::numeric_limits<T>::max()} / 2 : std::int64_t{1} << 53;

}  // namespace detail

/// Shows a count to `archive`.
///
/// **Errors** `DataError` when one comes back that is below `least`, or too large to be one.
void serialize_count(auto& archive, std::string_view name, std::signed_integral auto& count, std::int64_t least = 0) {
  archive(name, count);
  if (!archive.is_loading) return;
  if (count < least || count >= detail::too_many<std::remove_reference_t<decltype(count)>>) {
    detail::refuse_count(name, count);
  }
}

/// Shows a list of counts to `archive`, which are not too many together either.
void serialize_counts(auto& archive, std::string_view name, auto& counts) {
  archive(name, counts);
  if (!archive.is_loading) return;
  std::int64_t total = 0;
  for (const std::int64_t count : counts) {
    constexpr auto most = detail::too_many<std::int64_t>;
    if (count < 0 || count >= most || (total += count) >= most) detail::refuse_count(name, count);
  }
}

/// After `thing` was read: takes in what processes had that a run goes on without, where the archive says so. In a
/// process that the run did not have, `thing` begins anew. For what adds up over processes: it has `merge` and `reset`.
void take_over(auto& archive, auto& thing) {
  if constexpr (requires { archive.taken_over(); }) {
    if (archive.begins_anew()) thing.reset();
    for (auto& other : archive.taken_over()) {
      auto theirs = thing;
      theirs.serialize(other);
      thing.merge(theirs);
    }
  }
}

/// Has `serialize` of its own.
template <class T>
concept HasSerialize = requires(T& thing, detail::AnyArchive& archive) { thing.serialize(archive); };

/// Keeps what it remembers in a member `state` that can be shown to an archive: it has `serialize`, or is a list of
/// numbers.
template <class T>
concept HasState = requires(T& thing) { thing.state; } && (HasSerialize<decltype(T::state)> || requires(T& thing) {
                     requires std::is_arithmetic_v<std::remove_cvref_t<decltype(thing.state[0])>>;
                   });

/// Refers to another thing, whose state is shown in its place: `serialized()` returns that thing.
template <class T>
concept SerializesAnother = requires(T& thing) { thing.serialized(); };

/// Remembers something.
template <class T>
concept RemembersState = HasSerialize<T> || HasState<T> || requires(T& thing) {
  requires HasSerialize<std::remove_reference_t<decltype(thing.serialized())>> ||
               HasState<std::remove_reference_t<decltype(thing.serialized())>>;
};

/// Shows what `thing` remembers to `archive`, under `name`. A thing that remembers nothing is passed over.
void serialize_state(auto& archive, std::string_view name, auto& thing) {
  using Thing = std::remove_reference_t<decltype(thing)>;
  if constexpr (SerializesAnother<Thing>) {
    serialize_state(archive, name, thing.serialized());
  } else if constexpr (HasSerialize<Thing>) {
    archive(name, thing);
  } else if constexpr (HasState<Thing>) {
    archive(name, thing.state);
  }
}

}  // namespace hone
