// SPDX-License-Identifier: Apache-2.0
/// A parser for the header of safetensors files, which treats it as untrusted.
#pragma once

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

/// The format's element types that LibTorch has. Two elements of F4 share a byte, which is one element of LibTorch's
/// type (see `safetensors_per_element`). LibTorch lacks the format's F6_E2M3 and F6_E3M2.
inline constexpr std::array<std::pair<std::string_view, at::ScalarType>, 20> safetensors_types{{
    {"F32", at::kFloat},
    {"F64", at::kDouble},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"I64", at::kLong},
    {"I32", at::kInt},
    {"I16", at::kShort},
    {"I8", at::kChar},
    {"U8", at::kByte},
    {"BOOL", at::kBool},
    {"U16", at::kUInt16},
    {"U32", at::kUInt32},
    {"U64", at::kUInt64},
    {"C64", at::kComplexFloat},
    {"F8_E4M3", at::kFloat8_e4m3fn},
    {"F8_E5M2", at::kFloat8_e5m2},
    {"F8_E8M0", at::kFloat8_e8m0fnu},
    {"F8_E4M3FNUZ", at::kFloat8_e4m3fnuz},
    {"F8_E5M2FNUZ", at::kFloat8_e5m2fnuz},
    {"F4", at::kFloat4_e2m1fn_x2},
}};

/// Returns the format's name of an element type, or an empty string if the format lacks it.
inline std::string_view safetensors_name(at::ScalarType type) {
  for (const auto& [name, known] : safetensors_types) {
    if (known == type) return name;
  }
  return {};
}

/// Returns the number of the format's elements in one element of LibTorch. The last dimension counts them.
inline std::int64_t safetensors_per_element(at::ScalarType type) { return type == at::kFloat4_e2m1fn_x2 ? 2 : 1; }

struct SafetensorsEntry {
  std::string name;
  at::ScalarType type = at::kFloat;
  std::vector<std::int64_t> shape;  // in elements of the format
  std::uint64_t begin = 0, end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// A SAX handler that accepts only the structure of a safetensors header. Throws on other nesting and on repeated
/// names, which bounds the memory for an untrusted header.
class SafetensorsHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  SafetensorsHeader header;

  bool start_object(std::size_t) override {
    if (depth_ >= 2 || !field_.empty()) refuse("an object is not allowed here");
    if (++depth_ == 2 && !in_metadata_) header.entries.push_back({.name = name_, .shape = {}});
    return true;
  }
  bool end_object() override {
    if (--depth_ == 1) {
      if (!in_metadata_ && fields_.size() != 3) refuse("an entry lacks dtype, shape or data_offsets");
      fields_.clear();
    }
    return true;
  }
  bool key(std::string& text) override {
    if (depth_ == 1) {
      name_ = text;
      in_metadata_ = name_ == "__metadata__";
      if (!names_.insert(name_).second) refuse("the name occurs twice");
    } else {
      if (!fields_.insert(text).second) refuse(format_message("'{}' occurs twice", {text}));
      if (!in_metadata_ && text != "dtype" && text != "shape" && text != "data_offsets") {
        refuse(format_message("'{}' is not dtype, shape or data_offsets", {text}));
      }
      field_ = in_metadata_ ? "text" : text;
      if (in_metadata_) header.metadata.emplace_back(text, "");
    }
    return true;
  }
  bool string(std::string& text) override {
    if (field_ == "text") {
      header.metadata.back().second = std::move(text);
    } else if (field_ == "dtype") {
      const auto* found = std::find_if(safetensors_types.begin(), safetensors_types.end(),
                                       [&](const auto& entry) { return entry.first == text; });
      if (found == safetensors_types.end()) {
        throw DataError(format_message(
            "has the tensor '{}' of dtype {}, which LibTorch does not support. Convert it to another dtype in Python.",
            {name_, text}));
      }
      entry().type = found->second;
    } else {
      refuse("a string is not allowed here");
    }
    field_.clear();
    return true;
  }
  bool start_array(std::size_t) override {
    if (in_array_ || (field_ != "shape" && field_ != "data_offsets")) refuse("an array is not allowed here");
    in_array_ = true;
    numbers_ = 0;
    return true;
  }
  bool number_unsigned(std::uint64_t number) override {
    if (!in_array_) refuse("a number is not allowed here");
    ++numbers_;
    if (field_ == "shape") {
      constexpr std::size_t most_dimensions = 64;
      if (number > std::numeric_limits<std::int64_t>::max() || numbers_ > most_dimensions)
        refuse("its shape is too large");
      entry().shape.push_back(static_cast<std::int64_t>(number));
    } else {
      (numbers_ == 1 ? entry().begin : entry().end) = number;
    }
    return true;
  }
  bool end_array() override {
    if (field_ == "data_offsets" && numbers_ != 2) refuse("data_offsets are not two numbers");
    in_array_ = false;
    field_.clear();
    return true;
  }
  bool null() override { refuse("a null is not allowed here"); }
  bool boolean(bool) override { refuse("a boolean is not allowed here"); }
  bool number_integer(std::int64_t) override { refuse("a number is negative"); }
  bool number_float(double, const std::string&) override { refuse("a number is not an integer"); }
  bool binary(nlohmann::json::binary_t&) override { refuse("bytes are not allowed here"); }
  bool parse_error(std::size_t place, const std::string&, const nlohmann::json::exception&) override {
    throw DataError(format_message("has a header that is not valid JSON at its byte {}. Use another copy.", {place}));
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw DataError(format_message("has a header that is damaged at '{}': {}. Use another copy.", {name_, what}));
  }
  SafetensorsEntry& entry() { return header.entries.back(); }

  std::string name_, field_;
  std::set<std::string> names_, fields_;
  int depth_ = 0;
  std::size_t numbers_ = 0;
  bool in_metadata_ = false, in_array_ = false;
};

/// Parses a header.
///
/// **Errors** `DataError` whose message lacks the file's name, its subject; the caller prepends it.
inline SafetensorsHeader read_safetensors_header(std::span<const std::uint8_t> text) {
  SafetensorsHandler handler;
  if (text.empty() || text[0] != '{') throw DataError("is not a safetensors file: its header is not a JSON object.");
  nlohmann::json::sax_parse(text.begin(), text.end(), &handler);
  return std::move(handler.header);
}

}  // namespace hone::detail
