// SPDX-License-Identifier: Apache-2.0
/// Folders that go away, files as text, messages of errors, and Python where it is there.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "hone/core/error.hpp"

namespace files {

namespace fs = std::filesystem;

struct Folder {
  fs::path path;
  Folder() {
    static std::atomic<int> count{0};
    path = fs::temp_directory_path() / fmt::format("hone_checkpoint_{}_{}", getpid(), count++);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path operator/(const std::string& name) const { return path / name; }
};

inline std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline fs::path write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

/// A file that Python wrote; see fixtures.py.
inline fs::path fixture(const std::string& name) {
  return fs::absolute(fs::path(__FILE__).parent_path() / "data" / name);
}

template <class Error = hone::DataError, class F>
std::string message(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Runs Python code; `import torch` stands before it. The interpreter is `HONE_PYTHON`, else `python3`.
struct Python {
  bool available = false;
  std::string output;  // of the code, errors included

  explicit Python(const std::string& code) {
    const char* chosen = std::getenv("HONE_PYTHON");
    const std::string python = chosen != nullptr && *chosen != '\0' ? chosen : "python3";
    static const bool found = std::system(fmt::format("'{}' -c 'import torch' > /dev/null 2>&1", python).c_str()) == 0;
    available = found;
    if (!available) return;
    const Folder folder;
    write(folder / "code.py", "import torch\n" + code);
    const auto command =
        fmt::format("'{}' '{}' > '{}' 2>&1", python, (folder / "code.py").string(), (folder / "output").string());
    const int status = std::system(command.c_str());
    output = read(folder / "output");
    if (status != 0) output += fmt::format("\nstatus {}", status);
  }
};

}  // namespace files
