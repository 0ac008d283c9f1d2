// SPDX-License-Identifier: Apache-2.0
/// Where a run goes on from.
#pragma once

#include <concepts>
#include <filesystem>
#include <optional>
#include <utility>

#include "hone/checkpoint/read_training_state.hpp"
#include "hone/checkpoint/value.hpp"

namespace hone {

/// A training state, or nothing: its file, a folder of such files (the newest counts), what
/// `latest_training_state` found, or the state itself as `Trainer::training_state` returned it.
///
/// **Cost** the code that reads files is there when a path is given, and only then.
class ResumeFrom {
 public:
  ResumeFrom() = default;
  ResumeFrom(std::nullopt_t) {}                         // NOLINT(google-explicit-constructor): for `.resume_from = {}`
  ResumeFrom(Dict state) : state_(std::move(state)) {}  // NOLINT(google-explicit-constructor)

  template <class Path>
    requires std::convertible_to<Path, std::filesystem::path>
  ResumeFrom(const Path& path)  // NOLINT(google-explicit-constructor)
      : path_(path), read_(&read_training_state) {}
  template <std::same_as<std::filesystem::path> Path>
  ResumeFrom(const std::optional<Path>& path) {  // NOLINT(google-explicit-constructor)
    if (path) *this = *path;
  }

  [[nodiscard]] explicit operator bool() const { return read_ != nullptr || state_; }

  /// The state.
  ///
  /// **Errors** `DataError` for a file that holds none, and for a folder without one.
  [[nodiscard]] std::optional<Value> read() const {
    if (read_ != nullptr) return read_(path_);
    if (state_) return Value(*state_);
    return std::nullopt;
  }

 private:
  std::filesystem::path path_;
  Value (*read_)(const std::filesystem::path&) = nullptr;
  std::optional<Dict> state_;
};

}  // namespace hone
