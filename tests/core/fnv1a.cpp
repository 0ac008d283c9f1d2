// SPDX-License-Identifier: Apache-2.0
#include "hone/core/fnv1a.hpp"

#include "support/catch.hpp"

// 64-bit test vectors of the algorithm's authors.
static_assert(hone::detail::fnv1a("") == 0xcbf29ce484222325);
static_assert(hone::detail::fnv1a("a") == 0xaf63dc4c8601ec8c);
static_assert(hone::detail::fnv1a("foobar") == 0x85944171f73967e8);

TEST_CASE("fnv1a accepts the hash of a prefix as its initial value") {
  CHECK(hone::detail::fnv1a("bar", hone::detail::fnv1a("foo")) == hone::detail::fnv1a("foobar"));
  CHECK(hone::detail::fnv1a("foo") != hone::detail::fnv1a("oof"));
}
