// SPDX-License-Identifier: Apache-2.0
/// Where a run goes on from.
#pragma once

#include <concepts>
#include <filesystem>
#include <memory>
#include <optional>
#include <type_traits>
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

/// A training state, or nothing: its file, a folder of such files (the newest counts), what
/// `latest_training_state` found, or the state itself as `Trainer::training_state` returned it.
///
/// **Cost** the code that reads files, and with a `Trainer` that which brings a trainer back, is in the program when a
/// state is given here, and only then.
template <class Trainer = void>
class ResumeFrom {
 public:
  ResumeFrom() = default;
  ResumeFrom(std::nullopt_t) {}  // NOLINT(google-explicit-constructor): for `.resume_from = {}`

  template <std::same_as<Dict> State>
  ResumeFrom(State state)  // NOLINT(google-explicit-constructor)
      : resumption_(find_resumption()), state_(std::make_shared<const Value>(std::move(state))) {}
  template <class Path>
    requires std::convertible_to<Path, std::filesystem::path>
  ResumeFrom(const Path& path)  // NOLINT(google-explicit-constructor)
      : resumption_(find_resumption()), path_(path), read_(&read_shared) {}
  template <std::same_as<std::filesystem::path> Path>
  ResumeFrom(const std::optional<Path>& path) {  // NOLINT(google-explicit-constructor)
    if (path) *this = *path;
  }

  [[nodiscard]] explicit operator bool() const { return read_ != nullptr || state_; }

  /// The file or folder that was given, empty where it was a state or nothing.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// The state, or null.
  ///
  /// **Errors** `DataError` for a file that holds none, and for a folder without one.
  [[nodiscard]] std::shared_ptr<const Value> read() const { return read_ != nullptr ? read_(path_) : state_; }

  /// That of `Trainer::resumption()`; null without a state, and where no trainer is named.
  [[nodiscard]] const Resumption<Trainer>* resumption() const { return resumption_; }

 private:
  static const Resumption<Trainer>* find_resumption() {
    if constexpr (std::is_void_v<Trainer>) {
      return nullptr;
    } else {
      return Trainer::resumption();
    }
  }

  static std::shared_ptr<const Value> read_shared(const std::filesystem::path& path) {
    return std::make_shared<const Value>(read_training_state(path));
  }

  const Resumption<Trainer>* resumption_ = nullptr;
  std::filesystem::path path_;
  std::shared_ptr<const Value> (*read_)(const std::filesystem::path&) = nullptr;
  std::shared_ptr<const Value> state_;
};

}  // namespace hone
