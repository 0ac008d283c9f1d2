// SPDX-License-Identifier: Apache-2.0
#include "hone/distributed/partition.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "support/catch.hpp"

namespace {

using Owners = std::vector<int>;

TEST_CASE("divide assigns the largest item first, to the rank with the smallest load", "[partition]") {
  hone::Partition partition(2);
  CHECK(partition.divide(std::array<hone::Partition::Thing, 5>{{{"a", 1}, {"b", 5}, {"c", 3}, {"d", 4}, {"e", 1}}}) ==
        Owners{0, 0, 1, 1, 0});
  CHECK(std::ranges::equal(partition.loads(), std::array{7, 7}));
  CHECK(partition.divide(std::array<hone::Partition::Thing, 2>{{{"f", 1}, {"g", 9}}}) ==
        Owners{1, 0});  // existing loads count
}

TEST_CASE("divide orders items of equal size by name, and ranks of equal load by number", "[partition]") {
  CHECK(hone::Partition(3).divide(std::array<hone::Partition::Thing, 4>{{{"d", 2}, {"b", 2}, {"c", 2}, {"a", 2}}}) ==
        Owners{0, 1, 2, 0});
  CHECK(hone::Partition(3).divide(std::array<hone::Partition::Thing, 2>{{{"b", 0}, {"a", 2}}}) == Owners{1, 0});
  CHECK(hone::Partition(4).divide({}).empty());
}

}  // namespace
