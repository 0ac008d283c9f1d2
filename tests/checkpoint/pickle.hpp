// SPDX-License-Identifier: Apache-2.0
/// Helpers that build pickles.
#pragma once

#include <torch/torch.h>

#include <string>

#include "archive.hpp"
#include "files.hpp"
#include "hone/checkpoint/pickle_reader.hpp"

namespace pickle {

/// Returns a literal that may contain null characters.
template <std::size_t N>
std::string bytes(const char (&text)[N]) {
  return {text, N - 1};
}

inline std::string string(const std::string& text) {
  std::string size(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) size[i] = static_cast<char>(text.size() >> 8 * i);
  return "X" + size + text;
}
inline std::string integer(std::int64_t number) {
  std::string result = "\x8A\x08";
  for (int i = 0; i < 8; ++i) result += static_cast<char>(static_cast<std::uint64_t>(number) >> 8 * i);
  return result;
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}

/// Returns the pickle of a tensor on storage "0", which has `count` floats.
inline std::string tensor(std::int64_t count, std::int64_t offset, const std::string& sizes,
                          const std::string& strides) {
  return global("torch._utils", "_rebuild_tensor_v2") + "((" + string("storage") + global("torch", "FloatStorage") +
         string("0") + string("cpu") + integer(count) + "tQ" + integer(offset) + sizes + strides + "\x89" +
         global("collections", "OrderedDict") + ")RtR";
}

/// Reads a pickle whose storages have `available` bytes each.
inline hone::Value read(const std::string& text, std::size_t available = 48,
                        const hone::detail::PickleLimits& limits = {}) {
  const auto storage = [&](const std::string&, std::uint64_t size) {
    if (size != available) throw hone::DataError("has another size");
    return torch::arange(static_cast<std::int64_t>(size) / 4, torch::kFloat).storage();
  };
  return hone::detail::PickleReader(archive::span(text), storage, limits).read();
}

inline std::string refusal(const std::string& text, const hone::detail::PickleLimits& limits = {}) {
  return files::message([&] { (void)read(text, 48, limits); });
}

}  // namespace pickle
