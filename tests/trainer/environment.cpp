// SPDX-License-Identifier: Apache-2.0
#include "hone/trainer/environment.hpp"

#include <string>

#include "support/catch.hpp"

using namespace hone;

namespace {

std::string refusal(const char* text) {
  try {
    static_cast<void>(parsed_batch_limit(text));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("the variable is a number of batches, or `none`") {
  CHECK(parsed_batch_limit("1") == 1);
  CHECK(parsed_batch_limit("250") == 250);
  CHECK(parsed_batch_limit("none") == std::nullopt);
  CHECK(parsed_batch_limit("None") == std::nullopt);
  CHECK(parsed_batch_limit("NONE") == std::nullopt);
}

TEST_CASE("other values throw std::invalid_argument with the variable, the value and the remedy") {
  CHECK(refusal("ten") == "HONE_LIMIT_BATCHES is `ten`. Set it to a number of batches, 1 or greater, or to `none`.");
  for (const char* text : {"", "0", "-3", "1.5", "5 ", " 5", "5x", "0x10", "nonesuch", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK(refusal(text) != "accepted");
  }
}

TEST_CASE("LimitBatchesInScope sets the limit and restores the previous one") {
  unsetenv(limit_batches_variable);
  CHECK(environment_batch_limit() == std::nullopt);
  {
    const LimitBatchesInScope outer(10);
    CHECK(environment_batch_limit() == 10);
    {
      const LimitBatchesInScope inner(3);
      CHECK(environment_batch_limit() == 3);
    }
    CHECK(environment_batch_limit() == 10);
    CHECK_THROWS_AS(LimitBatchesInScope(0), std::invalid_argument);
    CHECK(environment_batch_limit() == 10);
  }
  CHECK(environment_batch_limit() == std::nullopt);
}
