// SPDX-License-Identifier: Apache-2.0
/// Training states as files in a folder: `epoch_3_update_120.pt` was saved after 3 epochs and 120 updates.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

/// Where a run stood, in the order of time.
struct TrainingPlace {
  std::int64_t num_epochs = 0;
  std::int64_t num_updates = 0;

  friend auto operator<=>(const TrainingPlace&, const TrainingPlace&) = default;

  /// The name of the file, without its ending.
  [[nodiscard]] std::string name() const;

  /// The place in a file's name; nothing when the name is another one. What follows an underscore is not looked at.
  [[nodiscard]] static std::optional<TrainingPlace> in(std::string_view name);
};

/// A training state's file, and the place in its name.
struct TrainingStateFile {
  TrainingPlace place;
  std::filesystem::path path;
};

/// The files of training states in a folder, the oldest first. A folder that does not exist has none; folders and other
/// entries that are no files do not count, whatever their names.
///
/// **Errors** `DataError` when the folder cannot be listed, so that a run does not start over by mistake.
[[nodiscard]] std::vector<TrainingStateFile> training_states_in(const std::filesystem::path& folder);

/// The file of the newest training state in a folder: that of most epochs, then updates. Nothing when there is none, so
/// that one program can start and go on: `trainer.resume(hone::latest_training_state("training_states"), train_set)`.
///
/// **Errors** `DataError` when the folder cannot be listed.
[[nodiscard]] std::optional<std::filesystem::path> latest_training_state(const std::filesystem::path& folder);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/core/training_files.ipp"
#endif
