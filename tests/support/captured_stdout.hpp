// SPDX-License-Identifier: Apache-2.0
/// What a function prints on standard output.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

namespace hone {

template <class F>
std::string captured_stdout(F&& f) {
  std::fflush(stdout);
  std::FILE* const file = std::tmpfile();
  const int before = dup(STDOUT_FILENO);
  dup2(fileno(file), STDOUT_FILENO);
  f();
  std::fflush(stdout);
  dup2(before, STDOUT_FILENO);
  close(before);
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

}  // namespace hone
