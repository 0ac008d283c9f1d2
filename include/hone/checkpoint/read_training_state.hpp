// SPDX-License-Identifier: Apache-2.0
/// Reading of training states, from a file or from the newest file in a directory.
#pragma once

#include <filesystem>

#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/training_state_path.hpp"

namespace hone {

/// Reads a training state from a file, or from the newest training state in a directory (`latest_training_state`).
///
/// **Errors** `DataError` for a file that is not a training state, and for a directory without one.
[[nodiscard]] Value read_training_state(const std::filesystem::path& path);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/read_training_state.ipp"
#endif
