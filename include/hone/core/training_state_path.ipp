// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/training_state_path.hpp"

namespace hone {

HONE_INLINE std::string TrainingProgress::name() const {
  return "epoch_" + std::to_string(num_epochs) + "_update_" + std::to_string(num_updates);
}

HONE_INLINE std::optional<TrainingProgress> TrainingProgress::in(std::string_view name) {
  TrainingProgress place;
  const auto take = [&](std::string_view word, std::int64_t& number) {
    if (!name.starts_with(word)) return false;
    name.remove_prefix(word.size());
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc{}) return false;
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
    return true;
  };
  const bool fits = name.ends_with(".pt") && take("epoch_", place.num_epochs) && take("_update_", place.num_updates);
  if (!fits || !(name == ".pt" || name.starts_with('_'))) return std::nullopt;
  return place;
}

HONE_INLINE std::vector<TrainingStateFile> training_states_in(const std::filesystem::path& folder) {
  std::vector<TrainingStateFile> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const auto place = TrainingProgress::in(entry->path().filename().string());
    if (!place) continue;
    std::error_code unknown;
    const auto type = entry->status(unknown).type();
    // If the type cannot be determined, reading the file reports the reason.
    if (type == std::filesystem::file_type::regular || type == std::filesystem::file_type::none) {
      files.push_back({*place, entry->path()});
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw DataError("Cannot list the training states in " + folder.string() + ": " + error.message() +
                    ". Use a readable folder.");
  }
  std::sort(files.begin(), files.end(), [](const TrainingStateFile& a, const TrainingStateFile& b) {
    return a.place != b.place ? a.place < b.place : a.path < b.path;
  });
  return files;
}

HONE_INLINE std::optional<std::filesystem::path> latest_training_state(const std::filesystem::path& folder) {
  const auto files = training_states_in(folder);
  if (files.empty()) return std::nullopt;
  return files.back().path;
}

}  // namespace hone
