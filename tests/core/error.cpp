// SPDX-License-Identifier: Apache-2.0
#include "hone/core/error.hpp"

#include <string>

#include "support/catch.hpp"

TEST_CASE("DataError is a std::runtime_error and keeps its message") {
  try {
    throw hone::DataError("The dataset is empty.");
  } catch (const std::runtime_error& error) {
    CHECK(std::string(error.what()) == "The dataset is empty.");
  }
}
