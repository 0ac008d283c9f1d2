// SPDX-License-Identifier: Apache-2.0
/// The source from which a run resumes.
#pragma once

#include <concepts>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "hone/checkpoint/read_training_state.hpp"
#include "hone/checkpoint/value.hpp"

namespace hone {

/// The functions that restore a trainer, in the order in which they are called.
template <class Trainer>
struct Resumption {
  void (*take_seed)(Trainer&, const Dict&);         ///< Loads the loaders' seed, before they are created.
  void (*restore_position)(Trainer&, const Dict&);  ///< Sets epoch and batch, before `TrainingRunStart`.
  void (*restore)(Trainer&, const Dict&);           ///< Loads the state, at the position where it was saved.
};

/// The source of a run: the file of a training state, a directory of such files (the newest is used), the result of
/// `latest_training_state`, a state returned by `Trainer::training_state`, or nothing.
class ResumeFrom {
 public:
  ResumeFrom() = default;
  /// Converts from a state, a path of a file or directory, an optional path, or `std::nullopt`.
  ResumeFrom(std::nullopt_t) {}  // NOLINT(google-explicit-constructor)

  template <std::same_as<Dict> State>
  ResumeFrom(State state)  // NOLINT(google-explicit-constructor)
      : state_(std::make_shared<const Value>(std::move(state))) {}
  template <class Path>
    requires std::convertible_to<Path, std::filesystem::path>
  ResumeFrom(const Path& path) : path_(path), has_path_(true) {}  // NOLINT(google-explicit-constructor)
  template <std::same_as<std::filesystem::path> Path>
  ResumeFrom(const std::optional<Path>& path) {  // NOLINT(google-explicit-constructor)
    if (path) *this = *path;
  }

  [[nodiscard]] explicit operator bool() const { return has_path_ || state_; }

  /// Returns the path of the file or directory; empty for a state in memory and for no state.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Reads and returns the state; null for no state.
  ///
  /// **Errors** `DataError` for a file that is not a training state, and for a directory without one.
  [[nodiscard]] std::shared_ptr<const Value> read() const {
    return has_path_ ? std::make_shared<const Value>(read_training_state(path_)) : state_;
  }

 private:
  std::filesystem::path path_;
  bool has_path_ = false;
  std::shared_ptr<const Value> state_;
};

}  // namespace hone
