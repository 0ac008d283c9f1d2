// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/console.hpp"

#include "support/captured.hpp"
#include "support/catch.hpp"

TEST_CASE("put writes text unchanged and flushes the stream") {
  hone::Captured output;
  hone::detail::put(output.file(), "100 % {}\n");
  CHECK(output.text() == "100 % {}\n");
}

TEST_CASE("put ignores a stream that cannot be written") {
  std::FILE* const full = std::fopen("/dev/full", "w");
  if (full == nullptr) {
    WARN("skipped: there is no /dev/full");
    return;
  }
  hone::detail::put(full, "lost");
  std::fclose(full);
}
