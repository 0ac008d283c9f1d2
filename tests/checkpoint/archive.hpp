// SPDX-License-Identifier: Apache-2.0
/// Helpers that build and damage zip archives.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hone/checkpoint/zip_writer.hpp"

namespace archive {

struct Text {
  std::string bytes;
  void write(std::span<const std::uint8_t> more) {
    bytes.append(reinterpret_cast<const char*>(more.data()), more.size());
  }
};

inline std::span<const std::uint8_t> span(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::string make(const std::vector<std::pair<std::string, std::string>>& records) {
  Text text;
  hone::detail::ZipWriter<Text> zip(text);
  for (const auto& [name, bytes] : records) zip.add(name, span(bytes));
  zip.finish();
  return text.bytes;
}

/// Returns `bytes` with `value` stored at `place`.
template <class T>
std::string with(std::string bytes, std::size_t place, T value) {
  std::memcpy(bytes.data() + place, &value, sizeof(T));
  return bytes;
}

}  // namespace archive
