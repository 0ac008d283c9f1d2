// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/console.hpp"

#include "support/captured.hpp"
#include "support/catch.hpp"

TEST_CASE("what is put arrives at once and as it is") {
  hone::Captured output;
  hone::detail::put(output.file(), "100 % {}\n");
  CHECK(output.text() == "100 % {}\n");
}

TEST_CASE("a stream that cannot be written to is no error") {
  std::FILE* const full = std::fopen("/dev/full", "w");
  if (full == nullptr) return;  // only Linux has it
  hone::detail::put(full, "lost");
  std::fclose(full);
}
