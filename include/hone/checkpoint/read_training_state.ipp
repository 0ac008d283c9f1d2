// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <system_error>

#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/read_training_state.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/training_state_path.hpp"

namespace hone {

HONE_INLINE Value read_training_state(const std::filesystem::path& path) {
  auto file = path;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    const auto latest = latest_training_state(path);
    if (!latest) {
      throw DataError(format_message(
          "The directory {} contains no training state (epoch_E_update_S.pt). Pass another directory, or "
          "start a new run if hone::latest_training_state(directory) finds none.",
          {path.string()}));
    }
    file = *latest;
  }
  auto state = [&] {
    try {
      return read_checkpoint(file);
    } catch (const DataError& broken) {
      if (!TrainingProgress::in(file.filename().string()) || !std::filesystem::exists(file, error)) throw;
      throw DataError(format_message("{} To resume from the training state before it in {}, remove this file.",
                                     {broken.what(), file.parent_path().string()}));
    }
  }();
  if (!state.is<Dict>() || !state.get<Dict>().contains("training_state")) {
    throw DataError(format_message(
        "{} contains no training state. Pass a file that save_training_state wrote, or load the weights with "
        "load_checkpoint.",
        {file.string()}));
  }
  return state;
}

}  // namespace hone
