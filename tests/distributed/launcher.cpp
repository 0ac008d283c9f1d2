// SPDX-License-Identifier: Apache-2.0
#include "hone/distributed/launcher.hpp"

#include "support/catch.hpp"

TEST_CASE("a process is alone unless something else is said", "[launcher]") {
  const hone::Placement placement;
  REQUIRE(placement.rank == 0);
  REQUIRE(placement.world_size == 1);
}
