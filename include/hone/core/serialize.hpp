// SPDX-License-Identifier: Apache-2.0
/// Serialization of stateful components into a training state.
///
/// A component lists its state in one function, which both saves and loads. An archive is a callable that accepts a
/// name and a value:
/// ```
/// void serialize(auto& archive) {
///   archive("best", best);
///   archive("waited", waited);
/// }
/// ```
/// If the state is in a member `state`, the function can be a member of `state`. Loaded values are untrusted: serialize
/// counts with `serialize_count`, which checks them, and check other values after `if (archive.is_loading)`.
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
  throw DataError("'" + std::string(name) + "' is " + std::to_string(count) + ", which is not a valid count.");
}
/// The exclusive upper limit of a loaded count, which leaves a margin for additions without overflow.
template <class T>
inline constexpr std::int64_t too_many =
    sizeof(T) < sizeof(std::int64_t) ? std::int64_t{std::numeric_limits<T>::max()} / 2 : std::int64_t{1} << 53;

}  // namespace detail

/// Serializes a count.
///
/// **Errors** `DataError` when a loaded count is below `least`, or not below 2^53 (for types smaller than
/// `std::int64_t`: half of the largest value).
void serialize_count(auto& archive, std::string_view name, std::signed_integral auto& count, std::int64_t least = 0) {
  archive(name, count);
  if (!archive.is_loading) return;
  if (count < least || count >= detail::too_many<std::remove_reference_t<decltype(count)>>) {
    detail::refuse_count(name, count);
  }
}

/// Serializes a list of counts. **Errors** `DataError` when a loaded count is negative, or when the sum of the counts
/// is not below 2^53.
void serialize_counts(auto& archive, std::string_view name, auto& counts) {
  archive(name, counts);
  if (!archive.is_loading) return;
  std::int64_t total = 0;
  for (const std::int64_t count : counts) {
    constexpr auto most = detail::too_many<std::int64_t>;
    if (count < 0 || count >= most || (total += count) >= most) detail::refuse_count(name, count);
  }
}

/// Adapts `thing`, which has been loaded, to another number of ranks: merges the states of ranks that the resumed run
/// no longer has, and resets `thing` on a rank that the saved run did not have. Requires `merge` and `reset`. A no-op
/// for an archive without `merge_departed`.
void merge_departed_ranks(auto& archive, auto& thing) {
  if constexpr (requires { archive.merge_departed(); }) {
    if (archive.starts_fresh()) thing.reset();
    for (auto& other : archive.merge_departed()) {
      auto theirs = thing;
      theirs.serialize(other);
      thing.merge(theirs);
    }
  }
}

/// A type that has a member function `serialize(archive)`.
template <class T>
concept HasSerialize = requires(T& thing, detail::AnyArchive& archive) { thing.serialize(archive); };

/// A type whose state is in a member `state` that can be serialized: it has `serialize(archive)`, or is a list of
/// numbers.
template <class T>
concept HasState = requires(T& thing) { thing.state; } && (HasSerialize<decltype(T::state)> || requires(T& thing) {
                     requires std::is_arithmetic_v<std::remove_cvref_t<decltype(thing.state[0])>>;
                   });

/// A type that refers to another object, which is serialized instead: `serialized()` returns that object.
template <class T>
concept SerializesAnother = requires(T& thing) { thing.serialized(); };

/// A type that has state to serialize, or refers to an object that has.
template <class T>
concept RemembersState = HasSerialize<T> || HasState<T> || requires(T& thing) {
  requires HasSerialize<std::remove_reference_t<decltype(thing.serialized())>> ||
               HasState<std::remove_reference_t<decltype(thing.serialized())>>;
};

/// Serializes the state of `thing` under `name`. A no-op for a `thing` without state.
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
