// SPDX-License-Identifier: Apache-2.0
/// A folder that is deleted at the end of its lifetime. It is in /dev/shm if possible, because fsync on a disk takes
/// most of the time of some tests.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

class TemporaryFolder {
 public:
  std::filesystem::path path;

  TemporaryFolder() {
    static std::atomic<int> count{0};
    path = parent() / ("hone_test_" + std::to_string(getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(path);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path / name; }
  /// Creates a file with one line break.
  void touch(const std::string& name) const { std::ofstream(path / name).put('\n'); }
  /// Returns the sorted names in the folder, except names that begin with a dot.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      const auto name = entry.path().filename().string();
      if (!name.starts_with('.')) all.push_back(name);
    }
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  static std::filesystem::path parent() {
    constexpr const char* memory = "/dev/shm";
    return ::access(memory, W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
  }
};
