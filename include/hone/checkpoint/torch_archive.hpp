// SPDX-License-Identifier: Apache-2.0
/// The records of a file in PyTorch's format: writing of pickled values, and reading.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/Storage.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "hone/checkpoint/mapped_file.hpp"
#include "hone/checkpoint/pickle_reader.hpp"
#include "hone/checkpoint/pickle_writer.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/checkpoint/zip_reader.hpp"
#include "hone/checkpoint/zip_writer.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Returns the first `size` bytes of a storage as a tensor on the CPU: a view if the storage is there, else a copy.
inline at::Tensor cpu_bytes(const c10::Storage& storage, std::size_t size) {
  const auto options = at::TensorOptions().dtype(at::kByte).device(storage.device());
  return at::empty({0}, options).set_(storage, 0, {static_cast<std::int64_t>(size)}, {1}).cpu();
}

/// Writes `contents` in the format of `torch.save`. Deterministic: the same contents give the same bytes.
template <class Sink>
void write_archive(Sink& sink, const PickleWriter& contents) {
  ZipWriter<Sink> zip(sink);
  zip.add("data.pkl", bytes_of(contents.pickle()));
  zip.add(".format_version", bytes_of("1"));
  zip.add(".storage_alignment", bytes_of("64"));
  zip.add("byteorder", bytes_of("little"));
  for (std::size_t i = 0; i < contents.storages().size(); ++i) {
    const auto& [storage, num_bytes] = contents.storages()[i];
    const auto bytes = cpu_bytes(storage, num_bytes);
    zip.add(format_message("data/{}", {i}), {static_cast<const std::uint8_t*>(bytes.const_data_ptr()), num_bytes});
  }
  zip.add("version", bytes_of("3\n"));
  zip.add(".data/serialization_id", bytes_of(zero_filled(zip.digest(), 40)));
  zip.finish();
}

inline Value read_archive(const std::shared_ptr<MappedFile>& file) {
  const ZipReader zip(file->bytes());
  if (zip.contains("constants.pkl")) {
    // The class follows the protocol. torch::save generates one with the name Module, whose module may be mangled.
    const auto pickle = zip.record("data.pkl");
    const std::string_view text(reinterpret_cast<const char*>(pickle.data()), pickle.size());
    const bool is_saved_object =
        text.find("c__torch__") == 2 && text.substr(std::min(text.size(), text.find('\n'))).starts_with("\nModule\n");
    throw DataError(
        is_saved_object
            ? "is a file of torch::save in C++. Load it with torch::load(object, path) into an object of the same "
              "type, and save its state with hone::write_checkpoint(path, hone::state_dict(model)) or save_checkpoint."
            : "is a TorchScript archive. Load it with torch::jit::load(path), and save its weights with "
              "hone::write_checkpoint(path, hone::state_dict(module)).");
  }
  if (zip.contains("byteorder")) {
    const auto order = zip.record("byteorder");
    if (std::string_view(reinterpret_cast<const char*>(order.data()), order.size()) != "little") {
      throw DataError("was saved on a big-endian machine. Save it on a little-endian machine.");
    }
  }
  const auto storage = [&](const std::string& key, std::uint64_t num_bytes) {
    const auto bytes = zip.record("data/" + key);
    if (bytes.size() != num_bytes) {
      throw DataError(
          format_message("has {} bytes in its record 'data/{}', and its contents need {}. Use another copy.",
                         {bytes.size(), key, num_bytes}));
    }
    return storage_in(file, bytes);
  };
  return PickleReader(zip.record("data.pkl"), storage).read();
}

}  // namespace hone::detail
