// SPDX-License-Identifier: Apache-2.0
/// The values of a checkpoint: Python's None, numbers, strings, tensors, and lists, tuples and dictionaries of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

class Value;

using None = std::monostate;      ///< Python's `None`.
using List = std::vector<Value>;  ///< Python's `list`.
/// Python's `tuple`.
struct Tuple {
  List items;  ///< The elements.
};

/// A key and its value. A template because `Value` is incomplete here.
template <class V>
struct BasicEntry {
  V key;
  V value;
};

/// A dictionary in insertion order. Keys compare as in Python: 1, 1.0 and `true` are the same key.
///
/// **Errors** `DataError` from `at` and `get` that names the key and the existing keys or the value's type.
/// `std::invalid_argument` for a key that is a tensor, a list or a dictionary.
/// **Example** `hone::Dict state{{"epoch", 3}, {"loss", 0.25}};  state.get<double>("loss");`
class Dict {
 public:
  using Entry = BasicEntry<Value>;

  /// True if Python loads a `collections.OrderedDict`, the type of a module's `state_dict()`.
  bool ordered = false;

  Dict() = default;
  Dict(std::initializer_list<Entry> entries);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::vector<Entry>::const_iterator begin() const { return entries_.begin(); }
  [[nodiscard]] std::vector<Entry>::const_iterator end() const { return entries_.end(); }

  /// Adds an entry, or replaces the value of the entry with the same key, which keeps its position.
  Value& set(Value key, Value value);
  /// Returns the value of a key, or null. Adding an entry invalidates it.
  [[nodiscard]] const Value* find(const Value& key) const;
  /// Returns whether the dictionary has the key.
  [[nodiscard]] bool contains(const Value& key) const { return find(key) != nullptr; }
  [[nodiscard]] const Value& at(const Value& key) const;
  /// Returns the value of a key as a `T`; see `Value::get`.
  template <class T>
  [[nodiscard]] const T& get(const Value& key) const;

 private:
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t, std::less<>> places_;  // by `detail::key_code`
};

/// A value of a checkpoint. Copies are deep, except that the tensors in them share memory.
///
/// **Errors** `DataError` from `get`, `number`, `items` and `at` if the value has another type. `std::invalid_argument`
/// for an unsigned number that overflows int64.
class Value {
 public:
  using Data = std::variant<None, bool, std::int64_t, double, std::string, at::Tensor, List, Tuple, Dict>;

  Value() noexcept;
  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  ~Value();
  /// Converts from `None`, a bool, a number, a string, a tensor, a list, a tuple, or a dictionary. Integers become
  /// int64, floating-point numbers double.
  Value(None) noexcept;  // NOLINT(google-explicit-constructor)
  template <class T>
    requires std::same_as<T, bool> || std::integral<T> || std::floating_point<T>
  Value(T number) : data_(number_of(number)) {}  // NOLINT(google-explicit-constructor)
  Value(const char* text);                       // NOLINT(google-explicit-constructor)
  Value(std::string_view text);                  // NOLINT(google-explicit-constructor)
  Value(std::string text);                       // NOLINT(google-explicit-constructor)
  Value(at::Tensor tensor);                      // NOLINT(google-explicit-constructor)
  Value(List list);                              // NOLINT(google-explicit-constructor)
  Value(Tuple tuple);                            // NOLINT(google-explicit-constructor)
  Value(Dict dict);                              // NOLINT(google-explicit-constructor)

  [[nodiscard]] const Data& data() const { return data_; }   ///< Returns the variant.
  [[nodiscard]] bool is_none() const { return is<None>(); }  ///< Returns whether the value is `None`.
  /// Returns whether the value is a `T`, one of the types of `Data`.
  template <class T>
  [[nodiscard]] bool is() const {
    return std::holds_alternative<T>(data_);
  }
  /// Returns a phrase for error messages, such as "a list of 3".
  [[nodiscard]] std::string description() const;

  /// Returns the value as a `T`, one of the types of `Data`. Does not convert.
  template <class T>
  [[nodiscard]] const T& get() const {
    if (const T* value = std::get_if<T>(&data_)) return *value;
    throw DataError(format_message("The value is {}, expected {}.", {description(), expected<T>()}));
  }
  template <class T>
  [[nodiscard]] T& get() {
    return const_cast<T&>(std::as_const(*this).get<T>());
  }
  /// Returns a float, or an int converted to double.
  [[nodiscard]] double number() const;
  /// Returns the items of a list or a tuple.
  [[nodiscard]] std::span<const Value> items() const;
  /// Returns the value of a key of a dictionary.
  [[nodiscard]] const Value& at(const Value& key) const { return get<Dict>().at(key); }

  /// Returns the phrase for a `T` in error messages, such as "a list".
  template <class T>
  [[nodiscard]] static constexpr std::string_view expected() {
    constexpr std::array<std::string_view, 9> names{"None",     "a bool", "an int",  "a float",     "a string",
                                                    "a tensor", "a list", "a tuple", "a dictionary"};
    return names[Data(std::in_place_type<T>).index()];
  }

 private:
  template <class T>
  static Data number_of(T number) {
    if constexpr (std::same_as<T, bool>) {
      return number;
    } else if constexpr (std::floating_point<T>) {
      return static_cast<double>(number);
    } else {
      if (!std::in_range<std::int64_t>(number)) {
        throw std::invalid_argument(format_message("The number {} does not fit into int64.", {number}));
      }
      return static_cast<std::int64_t>(number);
    }
  }

  Data data_;
};

namespace detail {

/// Returns a string that is the same for keys that are equal in Python. Floats from 2^62 on differ from equal ints.
std::string key_code(const Value& key);

/// Returns a key as quoted in error messages.
std::string key_text(const Value& key);

}  // namespace detail

template <class T>
const T& Dict::get(const Value& key) const {
  const Value& value = at(key);
  if (!value.is<T>()) {
    throw DataError(format_message("The entry {} is {}, expected {}.",
                                   {detail::key_text(key), value.description(), Value::expected<T>()}));
  }
  return value.get<T>();
}

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/value.ipp"
#endif
