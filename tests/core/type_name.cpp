// SPDX-License-Identifier: Apache-2.0
#include "hone/core/type_name.hpp"

#include "support/catch.hpp"

namespace hone {
struct Sample {};
}  // namespace hone

TEST_CASE("type_name omits the namespace hone") {
  STATIC_REQUIRE(hone::type_name<int>() == "int");
  STATIC_REQUIRE(hone::type_name<hone::Sample>() == "Sample");
}
