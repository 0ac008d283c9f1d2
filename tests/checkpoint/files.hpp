// SPDX-License-Identifier: Apache-2.0
/// Helpers for temporary folders, files, error messages, and Python if it is available.
#pragma once

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "hone/core/error.hpp"
#include "support/temporary_folder.hpp"

namespace files {

namespace fs = std::filesystem;

using Folder = TemporaryFolder;

inline std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline fs::path write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

/// Returns the path of a file that fixtures.py wrote.
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

/// A Python process that imports torch once, because that takes longer than most tests, and then runs files one by
/// one.
class Interpreter {
 public:
  explicit Interpreter(const std::string& python) {
    if (::pipe(to_.data()) != 0 || ::pipe(from_.data()) != 0) throw std::runtime_error("There are no more pipes.");
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(to_[0], 0);
      ::dup2(from_[1], 1);
      for (const int file : {to_[0], to_[1], from_[0], from_[1]}) ::close(file);
      ::execlp(python.c_str(), python.c_str(), "-c", loop, nullptr);
      ::_exit(127);
    }
    ::close(to_[0]);
    ::close(from_[1]);
    is_available_ = answer() == '0';
  }
  ~Interpreter() {
    ::close(to_[1]);
    ::close(from_[0]);
    ::waitpid(child_, nullptr, 0);
  }
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  [[nodiscard]] bool is_available() const { return is_available_; }
  /// Returns whether the code in `file` ran without an exception, and writes its output to `output`.
  bool run(const fs::path& file, const fs::path& output) {
    const auto line = file.string() + "\t" + output.string() + "\n";
    return ::write(to_[1], line.data(), line.size()) == static_cast<ssize_t>(line.size()) && answer() == '0';
  }

 private:
  static constexpr const char* loop = R"(
import contextlib, os, sys, traceback
answers = os.fdopen(os.dup(1), "w")
def answer(code):
    answers.write(code); answers.flush()
try:
    import torch
except ImportError:
    sys.exit()
answer("0")
for line in sys.stdin:
    file, output = line.rstrip("\n").split("\t")
    with open(output, "w") as text, contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            exec(compile(open(file).read(), file, "exec"), {"__name__": "__main__", "torch": torch})
            code = "0"
        except SystemExit:
            code = "0"
        except BaseException:
            traceback.print_exc()
            code = "1"
    answer(code)
)";

  char answer() {
    char code = '?';
    return ::read(from_[0], &code, 1) == 1 ? code : '?';
  }

  std::array<int, 2> to_{}, from_{};
  pid_t child_ = 0;
  bool is_available_ = false;
};

/// Runs Python code with torch imported. The interpreter is `HONE_PYTHON`, else `python3`.
struct Python {
  bool available = false;
  std::string output;  // output of the code, exceptions included

  explicit Python(const std::string& code) {
    const char* chosen = std::getenv("HONE_PYTHON");
    static Interpreter interpreter(chosen != nullptr && *chosen != '\0' ? chosen : "python3");
    available = interpreter.is_available();
    if (!available) return;
    const Folder folder;
    const bool ended_well = interpreter.run(write(folder / "code.py", code), folder / "output");
    output = read(folder / "output");
    if (!ended_well) output += "\nstatus 1";
  }
};

}  // namespace files
