// SPDX-License-Identifier: Apache-2.0
/// The graph of a pickle's values, used while the pickle is read.
#pragma once

#include <c10/core/Storage.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "hone/checkpoint/tensor_record.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

/// An error in a pickle. `PickleReader` catches it and adds the position.
class PickleFault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Limits on the size of a pickle. Files of real runs stay far below them.
struct PickleLimits {
  std::size_t values = std::size_t{1} << 22U;
  std::size_t text_bytes = std::size_t{1} << 28U;
  std::size_t depth = 100;
};

/// The values of a pickle, by index. Several values may contain the same list or dictionary, which may be filled after
/// it was added to them.
///
/// **Errors** `PickleFault` for a value of another type than requested, and beyond the limits.
class PickleGraph {
 public:
  using Id = std::uint32_t;
  struct Sequence {
    std::vector<Id> items;
    bool is_tuple;
  };
  struct Mapping {
    std::vector<std::pair<Id, Id>> entries;
    bool ordered;
  };
  struct Global {
    std::string name;
    bool is_type;  // a dtype: its name is a valid value
  };
  struct StorageRef {
    c10::Storage storage;
    const ElementType* type;  // null: untyped bytes
  };
  using Node = std::variant<Value, Sequence, Mapping, Global, StorageRef>;

  explicit PickleGraph(PickleLimits limits) : limits_(limits) {}

  [[noreturn]] static void refuse(const std::string& what) { throw PickleFault(what); }
  void require_room(std::size_t count) const {
    if (count >= limits_.values) refuse(format_message("it has more than {} values", {limits_.values}));
  }

  Id add(Node node) {
    require_room(nodes_.size());
    nodes_.push_back(std::move(node));
    return static_cast<Id>(nodes_.size() - 1);
  }
  template <class T>
  T& node_as(Id id, std::string_view expected) {
    if (T* node = std::get_if<T>(&nodes_[id])) return *node;
    refuse(format_message("{} is expected", {expected}));
  }
  template <class T>
  const T& value_as(Id id) {
    const auto& value = node_as<Value>(id, Value::expected<T>());
    if (!value.template is<T>())
      refuse(format_message("{} is expected, not {}", {Value::expected<T>(), value.description()}));
    return value.template get<T>();
  }
  const std::vector<Id>& tuple(Id id) {
    const auto& sequence = node_as<Sequence>(id, "a tuple");
    if (!sequence.is_tuple) refuse("a tuple is expected, not a list");
    return sequence.items;
  }
  std::vector<std::int64_t> integers(Id id) {
    std::vector<std::int64_t> result;
    for (const Id item : tuple(id)) result.push_back(value_as<std::int64_t>(item));
    return result;
  }

  [[nodiscard]] bool is_nothing(Id id) const {
    if (const auto* dict = std::get_if<Mapping>(&nodes_[id])) return dict->entries.empty();
    const auto* value = std::get_if<Value>(&nodes_[id]);
    return value != nullptr && value->is_none();
  }

  /// Returns the value at an index. Shared parts become copies, all of which count toward the limits, because a few
  /// bytes could otherwise expand to any number of values.
  [[nodiscard]] Value finished(Id id) const {
    std::size_t values = 0, text_bytes = 0;
    return finished(id, 0, values, text_bytes);
  }

 private:
  Value finished(Id id, std::size_t depth, std::size_t& values, std::size_t& text_bytes) const {
    if (depth > limits_.depth) refuse(format_message("it is nested more than {} deep", {limits_.depth}));
    require_room(++values);
    const auto part = [&](Id inner) { return finished(inner, depth + 1, values, text_bytes); };
    const Node& node = nodes_[id];
    if (const auto* value = std::get_if<Value>(&node)) {
      if (value->is<std::string>()) text_bytes += value->get<std::string>().size();
      if (text_bytes > limits_.text_bytes) refuse("its repeated strings are too long");
      return *value;
    }
    if (const auto* sequence = std::get_if<Sequence>(&node)) {
      List items;
      for (const Id item : sequence->items) items.push_back(part(item));
      return sequence->is_tuple ? Value(Tuple{std::move(items)}) : Value(std::move(items));
    }
    if (const auto* mapping = std::get_if<Mapping>(&node)) {
      Dict dict;
      dict.ordered = mapping->ordered;
      for (const auto& [key, value] : mapping->entries) {
        auto left = part(key);
        dict.set(std::move(left), part(value));
      }
      return dict;
    }
    const auto* global = std::get_if<Global>(&node);
    if (global == nullptr || !global->is_type) refuse("a class, or a storage without a tensor, is among the values");
    return global->name;
  }

  PickleLimits limits_;
  std::vector<Node> nodes_;
};

}  // namespace hone::detail
