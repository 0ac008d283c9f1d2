// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/Storage.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "hone/checkpoint/bytes.hpp"
#include "hone/checkpoint/pickle_reader.hpp"
#include "hone/checkpoint/pickle_writer.hpp"
#include "hone/checkpoint/torch_archive.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/fnv1a.hpp"

namespace hone {

HONE_INLINE std::string to_bytes(const Value& value) {
  const detail::PickleWriter contents(value);
  std::string bytes;
  const auto put_size = [&bytes](std::uint64_t size) {
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  };
  put_size(contents.pickle().size());
  put_size(contents.storages().size());
  for (const auto& record : contents.storages()) put_size(record.num_bytes);
  bytes += contents.pickle();
  for (const auto& [storage, num_bytes] : contents.storages()) {
    const auto host = detail::cpu_bytes(storage, num_bytes);
    bytes.append(static_cast<const char*>(host.const_data_ptr()), num_bytes);
  }
  return bytes;
}

HONE_INLINE Value from_bytes(std::string_view bytes) {
  const auto take = [&bytes](std::size_t size) {
    if (bytes.size() < size) throw DataError("The bytes of a serialized value are truncated.");
    const auto taken = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return taken;
  };
  const auto take_size = [&] {
    std::uint64_t size = 0;
    std::memcpy(&size, take(sizeof size).data(), sizeof size);
    return size;
  };
  const auto pickle_size = take_size(), num_storages = take_size();
  std::vector<std::uint64_t> sizes;
  for (std::uint64_t i = 0; i < num_storages; ++i) sizes.push_back(take_size());
  const auto pickle = take(pickle_size);
  std::vector<std::string_view> storages;
  for (const auto size : sizes) storages.push_back(take(size));
  const auto storage = [&](const std::string& key, std::uint64_t num_bytes) {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    const bool is_number = error == std::errc{} && end == key.data() + key.size();
    if (!is_number || index >= storages.size() || storages[index].size() != num_bytes) {
      throw DataError("The bytes of a serialized value refer to a storage that they do not contain.");
    }
    auto copy = c10::GetAllocator(c10::kCPU)->allocate(num_bytes);
    if (num_bytes > 0) std::memcpy(copy.get(), storages[index].data(), num_bytes);
    return c10::Storage(c10::Storage::use_byte_size_t(), num_bytes, std::move(copy), nullptr, false);
  };
  return detail::PickleReader(detail::bytes_of(pickle), storage).read();
}

namespace detail {

HONE_INLINE std::int64_t print_of(const Value& value) { return static_cast<std::int64_t>(fnv1a(to_bytes(value))); }

HONE_INLINE bool have_same_keys(const Dict& a, const Dict& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a) {
    if (!b.contains(key)) return false;
  }
  return true;
}

}  // namespace detail

HONE_INLINE Value leaf_hashes(const Value& value) {
  if (!value.is<Dict>()) return detail::print_of(value);
  Dict all;
  for (const auto& [key, entry] : value.get<Dict>()) all.set(key, leaf_hashes(entry));
  return all;
}

HONE_INLINE std::optional<Value> diff(const Value& value, const Value& base) {
  if (value.is<Dict>() && base.is<Dict>() && detail::have_same_keys(value.get<Dict>(), base.get<Dict>())) {
    Dict differing;
    for (const auto& [key, entry] : value.get<Dict>()) {
      if (auto other = diff(entry, base.at(key))) differing.set(key, *std::move(other));
    }
    return differing.empty() ? std::nullopt : std::optional<Value>(std::move(differing));
  }
  if (!value.is<Dict>() && base.is<std::int64_t>() && detail::print_of(value) == base.get<std::int64_t>()) {
    return std::nullopt;
  }
  return Tuple{{value}};
}

HONE_INLINE Value patched(const Value& base, const Value& other) {
  if (!other.is<Dict>()) {
    const auto items = other.items();
    if (items.size() != 1)
      throw DataError("A rank's difference from rank 0 is not a tuple of one value. Load another file.");
    return items[0];
  }
  Dict all = base.get<Dict>();
  for (const auto& [key, entry] : other.get<Dict>()) all.set(key, patched(all.at(key), entry));
  return all;
}

}  // namespace hone
