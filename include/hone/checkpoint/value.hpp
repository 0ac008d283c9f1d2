// SPDX-License-Identifier: Apache-2.0
/// What a checkpoint is made of: numbers, text, tensors, and lists and dictionaries of them, as Python has them.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

class Value;

using None = std::monostate;
using List = std::vector<Value>;
struct Tuple {
  List items;
};

/// A key and its value. (A template only because `Value` is not complete yet.)
template <class V>
struct BasicEntry {
  V key;
  V value;
};

/// A dictionary that keeps its entries in the order in which they came. Two keys are the same where Python says so: 1,
/// 1.0 and `true` are one key.
///
/// **Errors** `DataError` from `at` and `get`, naming the key and what is there instead; `std::invalid_argument` from
/// `set` for a key that cannot be one (a tensor, a list, a dictionary).
/// **Example** `hone::Dict state{{"epoch", 3}, {"loss", 0.25}};  state.get<double>("loss");`
class Dict {
 public:
  using Entry = BasicEntry<Value>;

  /// Whether Python is to see a `collections.OrderedDict`, as `state_dict()` of a module is one there.
  bool ordered = false;

  Dict() = default;
  Dict(std::initializer_list<Entry> entries);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::vector<Entry>::const_iterator begin() const { return entries_.begin(); }
  [[nodiscard]] std::vector<Entry>::const_iterator end() const { return entries_.end(); }

  /// Adds an entry, or replaces the value of the one with that key.
  Value& set(Value key, Value value);
  /// The value of that key, or null.
  [[nodiscard]] const Value* find(const Value& key) const;
  [[nodiscard]] bool contains(const Value& key) const { return find(key) != nullptr; }
  [[nodiscard]] const Value& at(const Value& key) const;
  /// The value of that key as a `T`; see `Value::get`.
  template <class T>
  [[nodiscard]] const T& get(const Value& key) const;

 private:
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t, std::less<>> places_;  // by `detail::key_code`
};

/// A value of a checkpoint. Copies are independent, save that tensors share their memory, as tensors do.
///
/// **Errors** `DataError` from `get` and `at` when the value is something else; `std::invalid_argument` for an unsigned
/// number beyond int64.
class Value {
 public:
  using Data = std::variant<None, bool, std::int64_t, double, std::string, at::Tensor, List, Tuple, Dict>;

  Value() = default;
  Value(None) {}  // NOLINT(google-explicit-constructor)
  template <class T>
    requires std::same_as<T, bool> || std::integral<T> || std::floating_point<T>
  Value(T number) : data_(number_of(number)) {}               // NOLINT(google-explicit-constructor)
  Value(const char* text) : data_(std::string(text)) {}       // NOLINT(google-explicit-constructor)
  Value(std::string_view text) : data_(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  Value(std::string text) : data_(std::move(text)) {}         // NOLINT(google-explicit-constructor)
  Value(at::Tensor tensor) : data_(std::move(tensor)) {}      // NOLINT(google-explicit-constructor)
  Value(List list) : data_(std::move(list)) {}                // NOLINT(google-explicit-constructor)
  Value(Tuple tuple) : data_(std::move(tuple)) {}             // NOLINT(google-explicit-constructor)
  Value(Dict dict) : data_(std::move(dict)) {}                // NOLINT(google-explicit-constructor)

  [[nodiscard]] const Data& data() const { return data_; }
  [[nodiscard]] bool is_none() const { return is<None>(); }
  template <class T>
  [[nodiscard]] bool is() const {
    return std::holds_alternative<T>(data_);
  }
  /// What the value is, for a sentence: "a list of 3".
  [[nodiscard]] std::string description() const;

  /// The value as one of the types of `Data`.
  template <class T>
  [[nodiscard]] const T& get() const {
    if (const T* value = std::get_if<T>(&data_)) return *value;
    throw DataError(sentence("The value is {}, expected {}.", {description(), expected<T>()}));
  }
  template <class T>
  [[nodiscard]] T& get() {
    return const_cast<T&>(std::as_const(*this).get<T>());
  }
  /// The number, whether it was written as a float or, like Python's `0`, as an int.
  [[nodiscard]] double number() const {
    if (const auto* integer = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*integer);
    return get<double>();
  }
  /// The items of a list or a tuple.
  [[nodiscard]] std::span<const Value> items() const {
    if (const auto* tuple = std::get_if<Tuple>(&data_)) return tuple->items;
    return get<List>();
  }
  /// The value of a key, where this is a dictionary.
  [[nodiscard]] const Value& at(const Value& key) const { return get<Dict>().at(key); }

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
        throw std::invalid_argument(sentence("The number {} does not fit into int64.", {number}));
      }
      return static_cast<std::int64_t>(number);
    }
  }

  Data data_;
};

namespace detail {

/// A text that two keys have in common where Python takes them for the same.
inline std::string key_code(const Value& key) {
  if (const auto* text = std::get_if<std::string>(&key.data())) return "s" + *text;
  if (const auto* number = std::get_if<std::int64_t>(&key.data())) return sentence("i{}", {*number});
  if (const auto* flag = std::get_if<bool>(&key.data())) return *flag ? "i1" : "i0";
  if (const auto* number = std::get_if<double>(&key.data())) {
    if (is_finite(*number) && std::abs(*number) < 0x1p62 && std::trunc(*number) == *number) {
      return sentence("i{}", {static_cast<std::int64_t>(*number)});
    }
    return "f" + zero_filled(std::bit_cast<std::uint64_t>(*number), 0, 16);
  }
  if (key.is_none()) return "n";
  if (const auto* tuple = std::get_if<Tuple>(&key.data())) {
    std::string code = "t";
    for (const auto& item : tuple->items) {
      const auto part = key_code(item);
      code += sentence("{}:{}", {part.size(), part});
    }
    return code;
  }
  throw std::invalid_argument(sentence(
      "The key of a dictionary is {}. Keys are strings, numbers, None and tuples of these.", {key.description()}));
}

/// A key as it is quoted in a sentence.
inline std::string key_text(const Value& key) {
  if (const auto* text = std::get_if<std::string>(&key.data())) return sentence("'{}'", {*text});
  if (const auto* number = std::get_if<std::int64_t>(&key.data())) return sentence("{}", {*number});
  return key.description();
}

}  // namespace detail

inline Dict::Dict(std::initializer_list<Entry> entries) {
  for (const auto& entry : entries) set(entry.key, entry.value);
}

inline std::size_t Dict::size() const { return entries_.size(); }

inline Value& Dict::set(Value key, Value value) {
  const auto [place, is_new] = places_.try_emplace(detail::key_code(key), entries_.size());
  if (!is_new) return entries_[place->second].value = std::move(value);
  return entries_.emplace_back(Entry{std::move(key), std::move(value)}).value;
}

inline const Value* Dict::find(const Value& key) const {
  const auto place = places_.find(detail::key_code(key));
  return place == places_.end() ? nullptr : &entries_[place->second].value;
}

inline const Value& Dict::at(const Value& key) const {
  if (const Value* value = find(key)) return *value;
  constexpr std::size_t most = 20;
  std::string present;
  for (std::size_t i = 0; i < entries_.size() && i < most; ++i) {
    present += (i == 0 ? "" : ", ") + detail::key_text(entries_[i].key);
  }
  if (entries_.size() > most) present += sentence(" and {} more", {entries_.size() - most});
  throw DataError(
      sentence("There is no entry {}; {}.",
               {detail::key_text(key), entries_.empty() ? "the dictionary is empty" : "the entries are " + present}));
}

template <class T>
const T& Dict::get(const Value& key) const {
  const Value& value = at(key);
  if (!value.is<T>()) {
    throw DataError(sentence("The entry {} is {}, expected {}.",
                             {detail::key_text(key), value.description(), Value::expected<T>()}));
  }
  return value.get<T>();
}

inline std::string Value::description() const {
  if (const auto* number = std::get_if<std::int64_t>(&data_)) return sentence("the int {}", {*number});
  if (const auto* number = std::get_if<double>(&data_)) return sentence("the float {}", {*number});
  if (const auto* flag = std::get_if<bool>(&data_)) return *flag ? "True" : "False";
  if (const auto* text = std::get_if<std::string>(&data_)) {
    return sentence("the string '{}{}'", {text->substr(0, 40), text->size() > 40 ? "..." : ""});
  }
  if (const auto* tensor = std::get_if<at::Tensor>(&data_)) {
    if (!tensor->defined()) return "an undefined tensor";
    return sentence("a tensor of shape [{}]", {joined(tensor->sizes(), ", ")});
  }
  if (const auto* list = std::get_if<List>(&data_)) return sentence("a list of {}", {list->size()});
  if (const auto* tuple = std::get_if<Tuple>(&data_)) return sentence("a tuple of {}", {tuple->items.size()});
  if (const auto* dict = std::get_if<Dict>(&data_)) return sentence("a dictionary of {}", {dict->size()});
  return "None";
}

}  // namespace hone
