// SPDX-License-Identifier: Apache-2.0
/// Checkpoints in PyTorch's own format: `torch.save` and `torch.load` of Python, without Python.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/Storage.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hone/checkpoint/atomic_file.hpp"
#include "hone/checkpoint/mapped_file.hpp"
#include "hone/checkpoint/pickle_reader.hpp"
#include "hone/checkpoint/pickle_writer.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/checkpoint/zip_reader.hpp"
#include "hone/checkpoint/zip_writer.hpp"
#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

namespace detail {

inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The first bytes of a storage as a tensor on the CPU, without a copy where it is there already.
inline at::Tensor cpu_bytes(const c10::Storage& storage, std::size_t size) {
  const auto options = at::TensorOptions().dtype(at::kByte).device(storage.device());
  return at::empty({0}, options).set_(storage, 0, {static_cast<std::int64_t>(size)}, {1}).cpu();
}

/// `value` as the bytes of a file of `torch.save`; the same value gives the same bytes.
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
    zip.add(sentence("data/{}", {i}), {static_cast<const std::uint8_t*>(bytes.const_data_ptr()), num_bytes});
  }
  zip.add("version", bytes_of("3\n"));
  zip.add(".data/serialization_id", bytes_of(zero_filled(zip.digest(), 40)));
  zip.finish();
}

inline Value read_archive(const std::shared_ptr<MappedFile>& file) {
  const ZipReader zip(file->bytes());
  if (zip.contains("constants.pkl")) {
    // After the protocol, the class: torch::save makes up one with the name Module, whose module may be mangled.
    const auto pickle = zip.record("data.pkl");
    const std::string_view text(reinterpret_cast<const char*>(pickle.data()), pickle.size());
    const bool is_saved_object =
        text.find("c__torch__") == 2 && text.substr(std::min(text.size(), text.find('\n'))).starts_with("\nModule\n");
    throw DataError(is_saved_object
                        ? "is a file of torch::save in C++. Load it with torch::load(object, path) into an object of "
                          "the same type, "
                          "and save that with hone::write_checkpoint(path, hone::state_dict(model)) or save_checkpoint."
                        : "is a TorchScript archive. Load it with torch::jit::load(path), and save its weights with "
                          "hone::write_checkpoint(path, hone::state_dict(module)).");
  }
  if (zip.contains("byteorder")) {
    const auto order = zip.record("byteorder");
    if (std::string_view(reinterpret_cast<const char*>(order.data()), order.size()) != "little") {
      throw DataError("comes from a big-endian machine. Save it on a little-endian one.");
    }
  }
  const auto storage = [&](const std::string& key, std::uint64_t num_bytes) {
    const auto bytes = zip.record("data/" + key);
    if (bytes.size() != num_bytes) {
      throw DataError(sentence("has {} bytes in its record 'data/{}', and its contents need {}. Take another copy.",
                               {bytes.size(), key, num_bytes}));
    }
    return storage_in(file, bytes);
  };
  return PickleReader(zip.record("data.pkl"), storage).read();
}

}  // namespace detail

/// Reads a file of Python's `torch.save` or of `write_checkpoint`. It is read as untrusted: no code runs, every size
/// and offset is checked before use, every record's checksum before its bytes are used. Tensors arrive on the CPU, and
/// share memory where they did when they were saved.
///
/// **Cost** one copy of a file of up to 64 MiB; none of a larger one, whose tensors lie in the mapped file (privately;
/// writing to them does not change the file). As with any mapped file, a large file must not be cut short or
/// overwritten in place while they live; replacing it by renaming, as `write_checkpoint` and `mv` do, is harmless.
/// **Errors** `DataError` with the file's name, what is wrong and what to do.
/// **Example** `hone::load_state_dict(model, hone::read_checkpoint("best.pt").at("model_state_dict"));`
[[nodiscard]] inline Value read_checkpoint(const std::filesystem::path& path) {
  const auto file = std::make_shared<detail::MappedFile>(path);
  const auto fail = [&](std::string_view what) { throw DataError(sentence("{} {}", {path.string(), what})); };
  try {
    auto value = detail::read_archive(file);
    file->require_unchanged();
    return value;
  } catch (const DataError& error) {
    fail(error.what());
  } catch (const std::invalid_argument& error) {
    fail(sentence("is damaged. {}", {error.what()}));
  } catch (const c10::Error& error) {
    fail(sentence("is damaged: {}", {error.what_without_backtrace()}));
  }
  return {};
}

/// Writes a file that Python's `torch.load(path, weights_only=True)` opens. The file is there whole or not at all (see
/// `AtomicFile`). Tensors on other devices are copied to the CPU one by one; tensors that share memory share it in the
/// file, and a view brings all of the memory that it is a view of, as in Python.
///
/// A whole file is told from a torn one by what zip archives have anyway: the directory comes last, without it nothing
/// is read; it says how large each record is and what its checksum has to be, and it has to fill the file to the end.
///
/// **Errors** `std::invalid_argument` for an entry that the format cannot hold, by its name; `DataError` when the file
/// cannot be written. The file that was there before is untouched then.
/// **Example** `hone::write_checkpoint("best.pt", hone::Dict{{"model_state_dict", hone::state_dict(model)}});`
inline void write_checkpoint(const std::filesystem::path& path, const Value& value) {
  const detail::PickleWriter contents(value);
  AtomicFile file(path);
  detail::write_archive(file, contents);
  file.commit();
}

}  // namespace hone
