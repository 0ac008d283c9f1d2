// SPDX-License-Identifier: Apache-2.0
/// A fake trainer that records calls to save and load.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "hone/callbacks/events.hpp"
#include "hone/core/error.hpp"
#include "hone/core/training_state_path.hpp"

namespace fakes {

struct Value {
  std::variant<std::string, double> held;
  Value(const char* text) : held(std::string(text)) {}               // NOLINT
  Value(std::string text) : held(std::move(text)) {}                 // NOLINT
  Value(double number) : held(number) {}                             // NOLINT
  Value(std::int64_t number) : held(static_cast<double>(number)) {}  // NOLINT
  [[nodiscard]] double number() const { return std::get<double>(held); }
};

struct Entries {
  std::map<std::string, Value> all;
  Entries() = default;
  Entries(std::initializer_list<std::pair<const std::string, Value>> entries) : all(entries) {}
  [[nodiscard]] const Value* find(const std::string& name) const {
    const auto found = all.find(name);
    return found == all.end() ? nullptr : &found->second;
  }
};

struct SaveOptions {
  bool save_optimizer = true;
  bool save_scheduler = true;
  Entries extra = {};
};
struct LoadOptions {
  bool load_optimizer = true;
  bool load_scheduler = true;
};

struct Trainer {
  std::map<std::string, Entries> files;
  std::vector<std::string> told;
  hone::TrainingProgress at;
  bool has_room = true;  /// < If false, writes throw `DataError`.

  void save_checkpoint(const std::filesystem::path& path, const SaveOptions& options) {
    require_room(path);
    files[path.string()] = options.extra;
    told.push_back("save " + path.string() + (options.save_optimizer ? " optimizer" : "") +
                   (options.save_scheduler ? " scheduler" : ""));
  }
  Entries load_checkpoint(const std::filesystem::path& path, const LoadOptions& options) {
    told.push_back("load " + path.string() + (options.load_optimizer ? " optimizer" : "") +
                   (options.load_scheduler ? " scheduler" : ""));
    return files[path.string()];
  }
  void save_training_state(const std::filesystem::path& path, const Entries& extra = {}) {
    require_room(path);
    files[path.string()] = extra;
    told.push_back("state " + path.string());
    std::ofstream(path).put('\n');
  }
  auto on_rank_zero(auto&& f) { return f(); }
  [[nodiscard]] hone::TrainingProgress place() const { return at; }
  void require_room(const std::filesystem::path& path) const {
    if (!has_room) throw hone::DataError(path.string() + " cannot be written: No space left on device.");
  }
};

template <class E>
using EventContext = hone::EventContext<E, hone::WithTrainer<Trainer>>;

}  // namespace fakes
