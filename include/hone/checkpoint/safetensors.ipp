// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hone/checkpoint/atomic_file.hpp"
#include "hone/checkpoint/mapped_file.hpp"
#include "hone/checkpoint/safetensors.hpp"
#include "hone/checkpoint/safetensors_header.hpp"
#include "hone/checkpoint/tensor_record.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

namespace detail {

HONE_INLINE at::Tensor safetensors_view(const std::shared_ptr<MappedFile>& file, const SafetensorsEntry& entry,
                                        std::span<const std::uint8_t> data) {
  auto shape = entry.shape;
  if (const auto per_element = safetensors_per_element(entry.type); per_element > 1) {
    if (shape.empty() || shape.back() % per_element != 0) {
      throw DataError(format_message(
          "has the tensor '{}' of dtype {} and shape [{}]: LibTorch packs {} elements of this dtype into one, "
          "and the last dimension is not a multiple of that number. Convert it to another dtype in Python.",
          {entry.name, safetensors_name(entry.type), joined(shape, ", "), per_element}));
    }
    shape.back() /= per_element;
  }
  const auto element_size = static_cast<std::int64_t>(c10::elementSize(entry.type));
  std::optional<std::int64_t> size = element_size;
  std::vector<std::int64_t> strides(shape.size());
  for (std::size_t d = shape.size(); d-- > 0;) {
    strides[d] = size ? *size / element_size : 0;
    if (size) size = product(*size, shape[d]);
  }
  if (!size || static_cast<std::uint64_t>(*size) != entry.end - entry.begin) {
    throw DataError(format_message("is damaged: the tensor '{}' of shape [{}] has {} bytes. Use another copy.",
                                   {entry.name, joined(entry.shape, ", "), entry.end - entry.begin}));
  }
  const auto bytes = data.subspan(entry.begin, entry.end - entry.begin);
  return make_view(storage_in(file, bytes, c10::elementSize(entry.type)), entry.type, 0, shape, strides);
}

HONE_INLINE Safetensors read_safetensors_in(const std::shared_ptr<MappedFile>& file) {
  constexpr std::uint64_t most_header_bytes = 100'000'000;
  const auto bytes = file->bytes();
  std::uint64_t header_bytes = 0;
  if (bytes.size() < sizeof(header_bytes)) throw DataError("is truncated within its first 8 bytes. Use another copy.");
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  if (header_bytes > most_header_bytes) {
    throw DataError(format_message("is not a safetensors file: its header would have {} bytes, and the limit is {}.",
                                   {header_bytes, most_header_bytes}));
  }
  const auto rest = bytes.subspan(sizeof(header_bytes));
  if (header_bytes > rest.size()) {
    throw DataError(format_message("is truncated: its header has {} bytes, of which {} are present. Use another copy.",
                                   {header_bytes, rest.size()}));
  }
  const auto header = read_safetensors_header(rest.first(header_bytes));
  const auto data = rest.subspan(header_bytes);

  // Sorted by offset, the tensors must fill the data without gap or overlap.
  std::vector<const SafetensorsEntry*> order;
  for (const auto& entry : header.entries) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  std::uint64_t place = 0;
  for (const auto* entry : order) {
    if (entry->begin != place || entry->end < entry->begin) {
      throw DataError(
          format_message("is damaged: the tensor '{}' is at bytes {} to {}, expected from byte {}. Use another copy.",
                         {entry->name, entry->begin, entry->end, place}));
    }
    place = entry->end;
  }
  if (place != data.size()) {
    throw DataError(format_message("is {}: its tensors need {} bytes, and {} are present. Use another copy.",
                                   {place > data.size() ? "truncated" : "damaged", place, data.size()}));
  }

  Safetensors result;
  for (const auto& entry : header.entries) result.tensors.set(entry.name, safetensors_view(file, entry, data));
  for (const auto& [name, text] : header.metadata) result.metadata.set(name, text);
  return result;
}

}  // namespace detail

HONE_INLINE Safetensors read_safetensors(const std::filesystem::path& path) {
  const auto file = std::make_shared<detail::MappedFile>(path);
  try {
    auto contents = detail::read_safetensors_in(file);
    file->require_unchanged();
    return contents;
  } catch (const DataError& error) {
    throw DataError(format_message("{} {}", {path.string(), error.what()}));
  }
}

HONE_INLINE void write_safetensors(const std::filesystem::path& path, const Dict& tensors, const Dict& metadata) {
  struct Part {
    std::string name;
    std::string_view dtype;
    at::Tensor tensor;
    std::uint64_t begin = 0;
  };
  std::vector<Part> parts;
  for (const auto& [key, value] : tensors) {
    const auto name = key.is<std::string>() ? key.get<std::string>() : detail::key_text(key);
    const auto refuse = [&](const std::string& what) {
      throw std::invalid_argument(format_message(
          "'{}' is {}, which safetensors files do not support. Convert it or leave it out.", {name, what}));
    };
    if (!key.is<std::string>() || name == "__metadata__") refuse("not a valid name of a tensor");
    if (!value.is<at::Tensor>() || !value.get<at::Tensor>().defined()) refuse(value.description());
    const auto& tensor = value.get<at::Tensor>();
    const auto dtype = detail::safetensors_name(tensor.scalar_type());
    const bool is_packed_scalar = tensor.dim() == 0 && detail::safetensors_per_element(tensor.scalar_type()) > 1;
    if (is_packed_scalar || dtype.empty() || tensor.layout() != at::kStrided || tensor.is_meta() ||
        tensor.is_nested()) {
      refuse(format_message("a tensor of type {}", {tensor.toString()}));
    }
    parts.push_back({name, dtype, tensor});
  }
  // Widest elements first, so that each tensor begins at a multiple of its element's size.
  std::vector<Part*> order;
  for (auto& part : parts) order.push_back(&part);
  std::stable_sort(order.begin(), order.end(),
                   [](const Part* a, const Part* b) { return a->tensor.element_size() > b->tensor.element_size(); });
  std::uint64_t size = 0;
  for (auto* part : order) {
    part->begin = size;
    size += part->tensor.nbytes();
  }

  auto header = nlohmann::ordered_json::object();
  for (const auto& [key, value] : metadata) {
    if (!key.is<std::string>() || !value.is<std::string>()) {
      throw std::invalid_argument(
          "The metadata of a safetensors file map strings to strings. Convert other keys and values.");
    }
    header["__metadata__"][key.get<std::string>()] = value.get<std::string>();
  }
  for (const auto& part : parts) {
    auto shape = part.tensor.sizes().vec();
    if (!shape.empty()) shape.back() *= detail::safetensors_per_element(part.tensor.scalar_type());
    header[part.name] = {
        {"dtype", part.dtype}, {"shape", shape}, {"data_offsets", {part.begin, part.begin + part.tensor.nbytes()}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    throw std::invalid_argument(
        "A name or a metadata value is not UTF-8, which safetensors files require. Convert it to UTF-8.");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');

  AtomicFile file(path);
  const std::uint64_t header_bytes = text.size();
  file.write({reinterpret_cast<const std::uint8_t*>(&header_bytes), sizeof(header_bytes)});
  file.write(text);
  for (const auto* part : order) {
    const auto tensor = part->tensor.resolve_conj().resolve_neg().cpu().contiguous();
    file.write({static_cast<const std::uint8_t*>(tensor.const_data_ptr()), tensor.nbytes()});
  }
  file.commit();
}

}  // namespace hone
