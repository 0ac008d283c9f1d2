// SPDX-License-Identifier: Apache-2.0
/// Checkpoints in PyTorch's own format: `torch.save` and `torch.load` of Python, without Python.
#pragma once

#include <filesystem>

#include "hone/checkpoint/value.hpp"

namespace hone {

/// Reads a file of Python's `torch.save` or of `write_checkpoint`. It is read as untrusted: no code runs, every size
/// and offset is checked before use, every record's checksum before its bytes are used. Tensors arrive on the CPU, and
/// share memory where they did when they were saved.
///
/// **Cost** one copy of a file of up to 64 MiB; none of a larger one, whose tensors lie in the mapped file (privately;
/// writing to them does not change the file). As with any mapped file, a large file must not be cut short or
/// overwritten in place while they live; replacing it by renaming, as `write_checkpoint` and `mv` do, is harmless.
/// **Errors** `DataError` with the file's name, what is wrong and what to do.
/// **Example** `hone::load_state_dict(model, hone::read_checkpoint("best.pt").at("model_state_dict"));`
[[nodiscard]] Value read_checkpoint(const std::filesystem::path& path);

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
void write_checkpoint(const std::filesystem::path& path, const Value& value);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/pytorch.ipp"
#endif
