// SPDX-License-Identifier: Apache-2.0
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

#include "hone/checkpoint/value.hpp"
#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

HONE_INLINE Value::Value() noexcept = default;
HONE_INLINE Value::Value(const Value& other) = default;
HONE_INLINE Value::Value(Value&& other) noexcept = default;
HONE_INLINE Value& Value::operator=(const Value& other) = default;
HONE_INLINE Value& Value::operator=(Value&& other) noexcept = default;
HONE_INLINE Value::~Value() = default;
HONE_INLINE Value::Value(None) noexcept {}

HONE_INLINE Value::Value(const char* text) : data_(std::string(text)) {}

HONE_INLINE Value::Value(std::string_view text) : data_(std::string(text)) {}

HONE_INLINE Value::Value(std::string text) : data_(std::move(text)) {}

HONE_INLINE Value::Value(at::Tensor tensor) : data_(std::move(tensor)) {}

HONE_INLINE Value::Value(List list) : data_(std::move(list)) {}

HONE_INLINE Value::Value(Tuple tuple) : data_(std::move(tuple)) {}

HONE_INLINE Value::Value(Dict dict) : data_(std::move(dict)) {}

HONE_INLINE double Value::number() const {
  if (const auto* integer = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*integer);
  return get<double>();
}

HONE_INLINE std::span<const Value> Value::items() const {
  if (const auto* tuple = std::get_if<Tuple>(&data_)) return tuple->items;
  return get<List>();
}

namespace detail {

HONE_INLINE std::string key_code(const Value& key) {
  if (const auto* text = std::get_if<std::string>(&key.data())) return "s" + *text;
  if (const auto* number = std::get_if<std::int64_t>(&key.data())) return format_message("i{}", {*number});
  if (const auto* flag = std::get_if<bool>(&key.data())) return *flag ? "i1" : "i0";
  if (const auto* number = std::get_if<double>(&key.data())) {
    if (is_finite(*number) && std::abs(*number) < 0x1p62 && std::trunc(*number) == *number) {
      return format_message("i{}", {static_cast<std::int64_t>(*number)});
    }
    return "f" + zero_filled(std::bit_cast<std::uint64_t>(*number), 0, 16);
  }
  if (key.is_none()) return "n";
  if (const auto* tuple = std::get_if<Tuple>(&key.data())) {
    std::string code = "t";
    for (const auto& item : tuple->items) {
      const auto part = key_code(item);
      code += format_message("{}:{}", {part.size(), part});
    }
    return code;
  }
  throw std::invalid_argument(format_message(
      "The key of a dictionary is {}. Use strings, numbers, None, or tuples of these as keys.", {key.description()}));
}

HONE_INLINE std::string key_text(const Value& key) {
  if (const auto* text = std::get_if<std::string>(&key.data())) return format_message("'{}'", {*text});
  if (const auto* number = std::get_if<std::int64_t>(&key.data())) return format_message("{}", {*number});
  return key.description();
}

}  // namespace detail

HONE_INLINE Dict::Dict(std::initializer_list<Entry> entries) {
  for (const auto& entry : entries) set(entry.key, entry.value);
}

HONE_INLINE std::size_t Dict::size() const { return entries_.size(); }

HONE_INLINE Value& Dict::set(Value key, Value value) {
  const auto [place, is_new] = places_.try_emplace(detail::key_code(key), entries_.size());
  if (!is_new) return entries_[place->second].value = std::move(value);
  return entries_.emplace_back(Entry{std::move(key), std::move(value)}).value;
}

HONE_INLINE const Value* Dict::find(const Value& key) const {
  const auto place = places_.find(detail::key_code(key));
  return place == places_.end() ? nullptr : &entries_[place->second].value;
}

HONE_INLINE const Value& Dict::at(const Value& key) const {
  if (const Value* value = find(key)) return *value;
  constexpr std::size_t most = 20;
  std::string present;
  for (std::size_t i = 0; i < entries_.size() && i < most; ++i) {
    present += (i == 0 ? "" : ", ") + detail::key_text(entries_[i].key);
  }
  if (entries_.size() > most) present += format_message(" and {} more", {entries_.size() - most});
  throw DataError(format_message(
      "The entry {} is missing; {}.",
      {detail::key_text(key), entries_.empty() ? "the dictionary is empty" : "the entries are " + present}));
}

HONE_INLINE std::string Value::description() const {
  if (const auto* number = std::get_if<std::int64_t>(&data_)) return format_message("the int {}", {*number});
  if (const auto* number = std::get_if<double>(&data_)) return format_message("the float {}", {*number});
  if (const auto* flag = std::get_if<bool>(&data_)) return *flag ? "True" : "False";
  if (const auto* text = std::get_if<std::string>(&data_)) {
    return format_message("the string '{}{}'", {text->substr(0, 40), text->size() > 40 ? "..." : ""});
  }
  if (const auto* tensor = std::get_if<at::Tensor>(&data_)) {
    if (!tensor->defined()) return "an undefined tensor";
    return format_message("a tensor of shape [{}]", {joined(tensor->sizes(), ", ")});
  }
  if (const auto* list = std::get_if<List>(&data_)) return format_message("a list of {}", {list->size()});
  if (const auto* tuple = std::get_if<Tuple>(&data_)) return format_message("a tuple of {}", {tuple->items.size()});
  if (const auto* dict = std::get_if<Dict>(&data_)) return format_message("a dictionary of {}", {dict->size()});
  return "None";
}

}  // namespace hone
