// SPDX-License-Identifier: Apache-2.0
/// Capture of a function's standard output or standard error.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

namespace hone {

/// Returns what `f` writes to `stream`, which is stdout or stderr.
template <class F>
std::string captured(std::FILE* stream, F&& f) {
  std::fflush(stream);
  std::FILE* const file = std::tmpfile();
  const int number = fileno(stream), before = dup(number);
  dup2(fileno(file), number);
  f();
  std::fflush(stream);
  dup2(before, number);
  close(before);
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

template <class F>
std::string captured_stdout(F&& f) {
  return captured(stdout, f);
}

}  // namespace hone
