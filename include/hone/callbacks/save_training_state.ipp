// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/save_training_state.hpp"
#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/training_state_path.hpp"

namespace hone {

HONE_INLINE void SaveTrainingState::check() const {
  for (const auto& [name, value] :
       {std::pair{"save_every_n_updates", save_every_n_updates}, std::pair{"save_every_n_epochs", save_every_n_epochs},
        std::pair{"keep_last", keep_last}, std::pair{"keep_best", keep_best}}) {
    if (value < 0) {
      throw std::invalid_argument(
          format_message("SaveTrainingState::{} is {}. Set it to 0 or greater.", {name, value}));
    }
  }
}

HONE_INLINE void SaveTrainingState::refuse_states_ahead_of(const TrainingProgress& place) const {
  for (const auto& file : training_states_in(save_dir)) {
    if (file.place <= place) continue;
    if (!overwrite) {
      throw DataError(format_message(
          "{} is later than the beginning of this run ({}). Resume from it with trainer.resume(\"{}\", ...), set "
          "SaveTrainingState::save_dir to a separate folder, or set SaveTrainingState::overwrite.",
          {file.path.string(), place.name(), save_dir.string()}));
    }
    remove(file.path);
  }
}

HONE_INLINE void SaveTrainingState::remove_surplus(const std::filesystem::path& newest) const {
  if (keep_last == 0 && keep_best == 0) return;
  const auto files = training_states_in(save_dir);
  std::set<std::filesystem::path> kept{newest};
  const auto last = static_cast<std::size_t>(std::max(keep_last, std::int64_t{1}));
  for (std::size_t i = 0; i < std::min(last, files.size()); ++i) kept.insert(files[files.size() - 1 - i].path);
  std::vector<std::pair<double, std::size_t>> valued;  // best first; of equal values, oldest first
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (const auto value = value_in(files[i].path.stem().string())) {
      valued.emplace_back(greater_is_better ? -*value : *value, i);
    }
  }
  std::sort(valued.begin(), valued.end());
  for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(keep_best), valued.size()); ++i) {
    kept.insert(files[valued[i].second].path);
  }
  for (const auto& file : files) {
    if (!kept.contains(file.path)) remove(file.path);
  }
}

HONE_INLINE void SaveTrainingState::remove(const std::filesystem::path& path) const {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (!verbose) return;
  detail::put(output, error ? format_message("{} cannot be removed: {}\n", {path.string(), error.message()})
                            : format_message("Removed old training state: {}\n", {path.string()}));
}

HONE_INLINE std::optional<double> SaveTrainingState::value_in(std::string_view stem) const {
  const auto mark = "_" + as_file_name(watch_metric) + "=";
  const auto at = stem.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  stem.remove_prefix(at + mark.size());
  double value = 0.0;
  const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), value);
  if (error != std::errc{} || end != stem.data() + stem.size() || detail::is_nan(value)) return std::nullopt;
  return value;
}

HONE_INLINE std::string SaveTrainingState::as_file_name(std::string text) {
  for (char& c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '-') c = '_';
  }
  return text;
}

}  // namespace hone
