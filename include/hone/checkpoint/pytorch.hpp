// SPDX-License-Identifier: Apache-2.0
/// Checkpoints in PyTorch's format: `torch.save` and `torch.load` of Python, without Python.
#pragma once

#include <filesystem>

#include "hone/checkpoint/value.hpp"

namespace hone {

/// Reads a file of Python's `torch.save` or of `write_checkpoint`. Treats it as untrusted: runs no code, and checks
/// every size, every offset and every record's checksum before use. Returns tensors on the CPU, which share memory as
/// they did when they were saved.
///
/// **Cost** one copy of a file of up to 64 MiB. The tensors of a larger file are views of a private mapping of it:
/// writes to them do not change the file. A mapped file must not be truncated or overwritten in place during their
/// lifetime; replacing it by a rename, as `write_checkpoint` and `mv` do, is safe.
/// **Errors** `DataError` with the file's name, the problem and a remedy.
/// **Example** `hone::load_state_dict(model, hone::read_checkpoint("best.pt").at("model_state_dict"));`
[[nodiscard]] Value read_checkpoint(const std::filesystem::path& path);

/// Writes a file that Python's `torch.load(path, weights_only=True)` reads. The write is atomic (see `AtomicFile`).
/// Copies storages on other devices to the CPU one by one. Tensors that share memory share it in the file; the whole
/// storage of a view is written, as in Python.
///
/// A reader detects a truncated or corrupt file by the zip directory: it is written last, must extend to the end of the
/// file, and contains the size and the checksum of each record.
///
/// **Errors** `std::invalid_argument` that names the entry that the format cannot store. `DataError` if the file cannot
/// be written. The previous file is unchanged (see `AtomicFile` for the exception).
/// **Example** `hone::write_checkpoint("best.pt", hone::Dict{{"model_state_dict", hone::state_dict(model)}});`
void write_checkpoint(const std::filesystem::path& path, const Value& value);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/pytorch.ipp"
#endif
