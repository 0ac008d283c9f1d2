// SPDX-License-Identifier: Apache-2.0
#include "hone/data/splitmix.hpp"

#include <set>

#include "support/catch.hpp"

namespace {

TEST_CASE("SplitMix64 matches the published generator") {
  // The first numbers of the reference implementation seeded with 1234567.
  hone::SplitMix64 random(1234567);
  CHECK(random.next() == 6457827717110365317U);
  CHECK(random.next() == 3203168211198807973U);
  CHECK(random.next() == 9817491932198370423U);
  CHECK(random.next() == 4593380528125082431U);
  CHECK(random.next() == 16408922859458223821U);
}

TEST_CASE("between returns every integer of its range, both ends included") {
  hone::SplitMix64 random(1);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 200; ++i) seen.insert(random.between(-2, 3));
  CHECK(seen == std::set<std::int64_t>{-2, -1, 0, 1, 2, 3});
  CHECK(random.between(5, 5) == 5);
}

TEST_CASE("stream_seed gives different seeds for adjacent seeds and streams") {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    for (std::uint64_t stream = 0; stream < 30; ++stream) seeds.insert(hone::stream_seed(seed, stream) & 0xFFFFFFFFU);
  }
  CHECK(seeds.size() == 900);  // also in the lower 32 bits, the only ones that LibTorch's generator uses
}

}  // namespace
