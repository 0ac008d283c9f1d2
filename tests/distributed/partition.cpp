// SPDX-License-Identifier: Apache-2.0
#include "hone/distributed/partition.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "support/catch.hpp"

namespace {

using Owners = std::vector<int>;

TEST_CASE("the largest goes first, to who has least", "[partition]") {
  hone::Partition partition(2);
  CHECK(partition.divide(std::array<hone::Partition::Thing, 5>{{{"a", 1}, {"b", 5}, {"c", 3}, {"d", 4}, {"e", 1}}}) ==
        Owners{0, 0, 1, 1, 0});
  CHECK(std::ranges::equal(partition.loads(), std::array{7, 7}));
  CHECK(partition.divide(std::array<hone::Partition::Thing, 2>{{{"f", 1}, {"g", 9}}}) ==
        Owners{1, 0});  // what was before counts
}

TEST_CASE("names decide between things of one size, and ranks between processes that have as much", "[partition]") {
  CHECK(hone::Partition(3).divide(std::array<hone::Partition::Thing, 4>{{{"d", 2}, {"b", 2}, {"c", 2}, {"a", 2}}}) ==
        Owners{0, 1, 2, 0});
  CHECK(hone::Partition(3).divide(std::array<hone::Partition::Thing, 2>{{{"b", 0}, {"a", 2}}}) == Owners{1, 0});
  CHECK(hone::Partition(4).divide({}).empty());
}

}  // namespace
