// SPDX-License-Identifier: Apache-2.0
/// Where a run goes on from.
#pragma once

#include <concepts>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "hone/checkpoint/read_training_state.hpp"
#include "hone/checkpoint/value.hpp"

namespace hone {

/// The steps that bring a trainer to the state of another.
template <class Trainer>
struct Resumption {
  void (*take_seed)(Trainer&, const Dict&);   ///< Before the loaders are made.
  void (*take_place)(Trainer&, const Dict&);  ///< Before the run is told to begin.
  void (*restore)(Trainer&, const Dict&);     ///< Everything, at the place where it was taken.
};

/// A training state, or nothing: its file, a folder of such files (the newest counts), what `latest_training_state` found,
/// or the state itself as `Trainer::training_state` returned it.
class ResumeFrom {
 public:
  ResumeFrom() = default;
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

  /// The file or folder that was given, empty where it was a state or nothing.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// The state, or null.
  ///
  /// **Errors** `DataError` for a file that holds none, and for a folder without one.
  [[nodiscard]] std::shared_ptr<const Value> read() const {
    return has_path_ ? std::make_shared<const Value>(read_training_state(path_)) : state_;
  }

 private:
  std::filesystem::path path_;
  bool has_path_ = false;
  std::shared_ptr<const Value> state_;
};

}  // namespace hone
