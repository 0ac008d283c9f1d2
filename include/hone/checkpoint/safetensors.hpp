// SPDX-License-Identifier: Apache-2.0
/// Weights as safetensors files.
#pragma once

#include <filesystem>

#include "hone/checkpoint/value.hpp"

namespace hone {

/// The contents of a safetensors file: tensors by name in the order of its header, and strings by name.
struct Safetensors {
  Dict tensors;
  Dict metadata;
};

/// Reads a safetensors file, as untrusted: every size and offset is checked before use. The format has no checksum; a
/// file that is cut off is found out, for the tensors have to fill it to the end.
///
/// **Cost** that of `read_checkpoint`: the tensors of a file beyond 64 MiB lie in the mapped file.
/// **Errors** `DataError` with the file's name, what is wrong and what to do.
[[nodiscard]] Safetensors read_safetensors(const std::filesystem::path& path);

/// Writes tensors by name (a `state_dict`, say) and strings by name as a safetensors file, whole or not at all. Tensors
/// that share memory become independent.
///
/// **Errors** `std::invalid_argument` for a value that is no tensor, or one whose type the format does not know;
/// `DataError` when the file cannot be written.
void write_safetensors(const std::filesystem::path& path, const Dict& tensors, const Dict& metadata = {});

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/safetensors.ipp"
#endif
