// SPDX-License-Identifier: Apache-2.0
/// Reading and writing of safetensors files.
#pragma once

#include <filesystem>

#include "hone/checkpoint/value.hpp"

namespace hone {

/// The contents of a safetensors file: tensors by name, in the order of its header, and strings by name.
struct Safetensors {
  Dict tensors;
  Dict metadata;  ///< Strings by name.
};

/// Reads a safetensors file. Treats it as untrusted: checks every size and offset before use. Detects a truncated file,
/// because the tensors must extend to its end. Does not detect changed bytes of tensors, because the format has no
/// checksum.
///
/// **Cost** as `read_checkpoint`: the tensors of a file larger than 64 MiB are views of a private mapping.
/// **Errors** `DataError` with the file's name, the problem and a remedy.
[[nodiscard]] Safetensors read_safetensors(const std::filesystem::path& path);

/// Writes tensors by name (such as a `state_dict`) and strings by name to a safetensors file. The write is atomic (see
/// `AtomicFile`). Tensors that share memory are written separately.
///
/// **Errors** `std::invalid_argument` for a value that is not a tensor, a tensor whose dtype or layout the format
/// lacks, metadata that are not strings, and text that is not UTF-8. `DataError` if the file cannot be written.
void write_safetensors(const std::filesystem::path& path, const Dict& tensors, const Dict& metadata = {});

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/safetensors.ipp"
#endif
