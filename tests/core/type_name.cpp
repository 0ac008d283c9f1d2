// SPDX-License-Identifier: Apache-2.0
#include "hone/core/type_name.hpp"

#include "support/catch.hpp"

namespace hone {
struct Sample {};
}  // namespace hone

TEST_CASE("a type's name is legible, and hone's own names stand without their namespace") {
  STATIC_REQUIRE(hone::type_name<int>() == "int");
  STATIC_REQUIRE(hone::type_name<hone::Sample>() == "Sample");
}
