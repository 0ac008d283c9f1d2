// SPDX-License-Identifier: Apache-2.0
/// The files of training states in a folder. `epoch_3_update_120.pt` was saved after 3 epochs and 120 updates.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

/// The progress of a run, ordered by epochs, then updates.
struct TrainingProgress {
  std::int64_t num_epochs = 0;   ///< Completed epochs of the run.
  std::int64_t num_updates = 0;  ///< Optimizer updates of the run.

  friend auto operator<=>(const TrainingProgress&, const TrainingProgress&) = default;

  /// Returns the name of the file, without its extension.
  [[nodiscard]] std::string name() const;

  /// Parses `epoch_E_update_U.pt`. An underscore and any text may precede `.pt`. Empty for any other name.
  [[nodiscard]] static std::optional<TrainingProgress> in(std::string_view name);
};

/// The file of a training state, with the progress from its name.
struct TrainingStateFile {
  TrainingProgress place;      ///< The progress from the file name.
  std::filesystem::path path;  ///< The path of the file.
};

/// Returns the files of training states in a folder, the oldest first, and none for a folder that does not exist.
/// Ignores entries that are not regular files.
///
/// **Errors** `DataError` when the folder cannot be listed, so that a run does not start from the beginning by mistake.
[[nodiscard]] std::vector<TrainingStateFile> training_states_in(const std::filesystem::path& folder);

/// Returns the file with the most epochs, then updates, in a folder. Empty if there is none, so that one program can
/// start and resume: `trainer.resume(hone::latest_training_state("training_states"), train_set)`.
///
/// **Errors** `DataError` when the folder cannot be listed.
[[nodiscard]] std::optional<std::filesystem::path> latest_training_state(const std::filesystem::path& folder);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/core/training_state_path.ipp"
#endif
