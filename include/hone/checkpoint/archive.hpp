// SPDX-License-Identifier: Apache-2.0
/// Serialization of objects to checkpoint values, and deserialization.
///
/// A type lists its state in one function, which both saves and loads, and which needs no header of this module:
/// ```
/// void serialize(auto& archive) {
///   archive("best", best);
///   archive("waited", waited);
/// }
/// ```
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/checkpoint/value.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/optim/parameter_group.hpp"

namespace hone {

class StateWriter;
class StateReader;

/// A type that has a `serialize` member function for both archives.
template <class T>
concept Serializable = requires(T& thing, StateWriter& writer, StateReader& reader) {
  thing.serialize(writer);
  thing.serialize(reader);
};

namespace detail {

template <class T>
struct not_serializable {
  static_assert(sizeof(T) == 0,
                "hone: a value of this type cannot be stored in a checkpoint. Give it "
                "`void serialize(auto& archive) { archive(\"name\", member); }`, or store something simpler.");
};

template <class T>
inline constexpr bool archived_optional = false;
template <class T>
inline constexpr bool archived_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool archived_array = false;
template <class T, std::size_t n>
inline constexpr bool archived_array<std::array<T, n>> = true;
template <class T>
inline constexpr bool archived_vector = false;
template <class T>
inline constexpr bool archived_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool archived_text_map = false;
template <class T>
inline constexpr bool archived_text_map<std::map<std::string, T>> = true;

/// A number type whose vectors are stored as one tensor.
template <class T>
concept ColumnNumber = std::same_as<T, double> || std::same_as<T, std::int64_t>;
template <ColumnNumber T>
inline constexpr at::ScalarType column_type = std::same_as<T, double> ? at::kDouble : at::kLong;

}  // namespace detail

/// An archive that saves named members to a dictionary. Tensors are detached and share memory with the members: clone
/// them to keep their values.
class StateWriter {
 public:
  static constexpr bool is_loading = false;  ///< False: this archive saves.

  template <class T>
  void operator()(std::string_view name, T&& thing) {
    state_.set(name, value_of(thing));
  }
  [[nodiscard]] Dict take() { return std::move(state_); }  ///< Moves the saved state out of the archive.

  /// Returns `thing` as a value. Stores enumerations and `std::uint64_t` as int64, bit by bit.
  template <class T>
  [[nodiscard]] static Value value_of(T& thing) {
    using Plain = std::remove_const_t<T>;
    if constexpr (std::same_as<Plain, std::uint64_t> || std::is_enum_v<Plain>) {
      return static_cast<std::int64_t>(thing);
    } else if constexpr (std::same_as<Plain, at::Tensor>) {
      return thing.defined() ? Value(thing.detach()) : Value();
    } else if constexpr (std::convertible_to<T&, Value>) {
      return thing;
    } else if constexpr (detail::archived_optional<Plain>) {
      return thing ? value_of(*thing) : Value();
    } else if constexpr (std::same_as<Plain, NamedParameters>) {
      Dict tensors;
      for (const auto& [name, value] : thing) tensors.set(name, value.detach());
      return tensors;
    } else if constexpr (detail::archived_vector<Plain>) {
      if constexpr (detail::ColumnNumber<typename Plain::value_type>) {
        return column(thing);
      } else {
        return list(thing);
      }
    } else if constexpr (detail::archived_array<Plain>) {
      return list(thing);
    } else if constexpr (detail::archived_text_map<Plain>) {
      Dict entries;
      for (auto& [name, entry] : thing) entries.set(name, value_of(entry));
      return entries;
    } else if constexpr (Serializable<Plain>) {
      StateWriter inner;
      const_cast<Plain&>(thing).serialize(inner);
      return inner.take();
    } else {
      static_cast<void>(sizeof(detail::not_serializable<Plain>));
      return {};
    }
  }

 private:
  static Value list(auto& things) {
    List items;
    for (auto&& thing : things) {
      const auto& each = thing;
      items.push_back(value_of(each));
    }
    return items;
  }
  template <class T>
  static Value column(const std::vector<T>& numbers) {
    auto tensor = at::empty({static_cast<std::int64_t>(numbers.size())}, detail::column_type<T>);
    if (!numbers.empty()) std::memcpy(tensor.template data_ptr<T>(), numbers.data(), numbers.size() * sizeof(T));
    return tensor;
  }

  Dict state_;
};

/// An archive that loads named members from the dictionary of a `StateWriter`. A tensor member becomes a copy; tensors
/// in a `Value`, a `Dict` or `NamedParameters` share memory with the dictionary, which must outlive the archive.
///
/// **Errors** `DataError` that names the entry that is missing or of another type.
class StateReader {
 public:
  static constexpr bool is_loading = true;  ///< True: this archive loads.

  explicit StateReader(const Value& state) : state_(state.get<Dict>()) {}
  /// For a rank that also merges the states `merge_departed` of removed ranks, or a new rank that starts with the state of
  /// another rank (`starts_fresh`). The states must outlive the archive.
  StateReader(const Value& state, std::vector<const Value*> merge_departed, bool starts_fresh)
      : state_(state.get<Dict>()), merge_departed_(std::move(merge_departed)), starts_fresh_(starts_fresh) {}

  template <class T>
  void operator()(std::string_view name, T&& thing) const {
    const Value* found = state_.find(name);
    if (found == nullptr) throw DataError(format_message("'{}' is missing.", {name}));
    try {
      if constexpr (Serializable<T>) {
        StateReader inner(*found, entries(merge_departed_, name), starts_fresh_);
        thing.serialize(inner);
      } else {
        read(*found, thing);
      }
    } catch (const DataError& error) {
      throw DataError(format_message("'{}': {}", {name, error.what()}));
    }
  }
  /// Returns whether the state has an entry `name`.
  [[nodiscard]] bool contains(std::string_view name) const { return state_.contains(name); }

  /// True for a new rank, whose mergeable state is reset; see `hone::merge_departed_ranks`.
  [[nodiscard]] bool starts_fresh() const { return starts_fresh_; }
  /// Returns an archive for each state of a removed rank.
  [[nodiscard]] std::vector<StateReader> merge_departed() const {
    std::vector<StateReader> readers;
    for (const Value* state : merge_departed_) readers.emplace_back(*state);
    return readers;
  }

  /// Assigns `value` to `thing`.
  template <class T>
  static void read(const Value& value, T& thing) {
    if constexpr (std::same_as<T, Value>) {
      thing = value;
    } else if constexpr (std::same_as<T, at::Tensor>) {
      thing = value.is_none() ? at::Tensor() : value.get<at::Tensor>().clone();
    } else if constexpr (std::floating_point<T>) {
      thing = static_cast<T>(value.number());
    } else if constexpr (std::same_as<T, bool> || std::same_as<T, std::string> || std::same_as<T, Dict>) {
      thing = value.get<T>();
    } else if constexpr (std::integral<T>) {
      const auto number = value.get<std::int64_t>();
      thing = static_cast<T>(number);
      if (static_cast<std::int64_t>(thing) != number) throw DataError(format_message("{} is out of range.", {number}));
    } else if constexpr (std::is_enum_v<T>) {
      thing = static_cast<T>(value.get<std::int64_t>());
    } else if constexpr (detail::archived_optional<T>) {
      thing.reset();
      if (!value.is_none()) read(value, thing.emplace());
    } else if constexpr (std::same_as<T, NamedParameters>) {
      thing.clear();
      for (const auto& [name, tensor] : value.get<Dict>()) {
        thing.push_back({name.template get<std::string>(), tensor.template get<at::Tensor>()});
      }
    } else if constexpr (detail::archived_vector<T>) {
      if constexpr (detail::ColumnNumber<typename T::value_type>) {
        read_column(value, thing);
      } else {
        thing.clear();
        for (const auto& item : value.items()) {
          typename T::value_type each{};
          read(item, each);
          thing.push_back(std::move(each));
        }
      }
    } else if constexpr (detail::archived_array<T>) {
      const auto items = value.items();
      if (items.size() != thing.size()) {
        throw DataError(format_message("the list has {} elements, expected {}.", {items.size(), thing.size()}));
      }
      for (std::size_t i = 0; i < thing.size(); ++i) read(items[i], thing[i]);
    } else if constexpr (detail::archived_text_map<T>) {
      thing.clear();
      for (const auto& [name, entry] : value.get<Dict>()) read(entry, thing[name.template get<std::string>()]);
    } else if constexpr (Serializable<T>) {
      StateReader inner(value);
      thing.serialize(inner);
    } else {
      static_cast<void>(sizeof(detail::not_serializable<T>));
    }
  }

 private:
  static std::vector<const Value*> entries(const std::vector<const Value*>& states, std::string_view name) {
    std::vector<const Value*> found;
    for (const Value* state : states) {
      if (const Value* entry = state->get<Dict>().find(name)) found.push_back(entry);
    }
    return found;
  }
  template <class T>
  static void read_column(const Value& value, std::vector<T>& numbers) {
    const auto& tensor = value.get<at::Tensor>();
    if (!tensor.defined() || tensor.dim() != 1 || tensor.scalar_type() != detail::column_type<T>) {
      throw DataError("the tensor is not a 1-D tensor of the expected dtype.");
    }
    const auto column = tensor.contiguous().resolve_neg();
    numbers.resize(static_cast<std::size_t>(column.numel()));
    if (!numbers.empty()) std::memcpy(numbers.data(), column.template data_ptr<T>(), numbers.size() * sizeof(T));
  }

  const Dict& state_;
  std::vector<const Value*> merge_departed_;
  bool starts_fresh_ = false;
};

/// Returns the state of an object with `serialize`.
template <Serializable T>
[[nodiscard]] Dict state_of(T& thing) {
  StateWriter writer;
  thing.serialize(writer);
  return writer.take();
}

/// Restores an object to a state returned by `state_of`.
///
/// **Errors** `DataError` that names the entry that does not fit. The entries before it have been loaded by then.
template <Serializable T>
void load_state_of(T& thing, const Value& state) {
  StateReader reader(state);
  thing.serialize(reader);
}

/// Returns a deep copy of `value`. The copies of its tensors are on `device`, by default on the originals' devices.
[[nodiscard]] Value cloned(const Value& value, std::optional<c10::Device> device = {});
[[nodiscard]] Dict cloned(const Dict& state, std::optional<c10::Device> device = {});

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/archive.ipp"
#endif
