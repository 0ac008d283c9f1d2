// SPDX-License-Identifier: Apache-2.0
/// Reads the training states that `core/training_files.hpp` finds.
#pragma once

#include <filesystem>

#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/training_files.hpp"

namespace hone {

/// Reads a training state: a file, or the newest in a folder.
///
/// **Errors** `DataError` for a file that is none, and for a folder without one.
[[nodiscard]] Value read_training_state(const std::filesystem::path& path);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/read_training_state.ipp"
#endif
