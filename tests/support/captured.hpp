// SPDX-License-Identifier: Apache-2.0
/// A temporary file that a callback can write and a test can read.
#pragma once

#include <cstdio>
#include <string>

namespace hone {

class Captured {
 public:
  Captured() : file_(std::tmpfile()) {}
  ~Captured() { std::fclose(file_); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  [[nodiscard]] std::FILE* file() { return file_; }
  /// Returns the text that was written since the last call.
  [[nodiscard]] std::string text() {
    std::string text;
    std::fseek(file_, read_, SEEK_SET);
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) text.push_back(static_cast<char>(c));
    read_ = std::ftell(file_);
    std::fseek(file_, 0, SEEK_END);
    return text;
  }

 private:
  std::FILE* file_;
  long read_ = 0;
};

}  // namespace hone
