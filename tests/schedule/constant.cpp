// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/constant.hpp`.
#include "hone/schedule/constant.hpp"

#include <concepts>

#include "support/catch.hpp"

using hone::ConstantLr;

static_assert(hone::Schedule<ConstantLr> && std::same_as<ConstantLr::slot, hone::slots::Schedule>);
static_assert(ConstantLr{}(0.25, 0) == 0.25 && ConstantLr{}(0.25, 1000) == 0.25);
static_assert(ConstantLr{.factor = 0.5}(0.25, 7) == 0.125);
static_assert(ConstantLr{.factor = 0.5}.resolved({}) == ConstantLr{.factor = 0.5});

TEST_CASE("ConstantLr multiplies the base_lr of each group by its factor") {
  const ConstantLr schedule{.factor = 0.5};
  CHECK(schedule(0.1, 3) == 0.05);
  CHECK(schedule(0.2, 3) == 0.1);
}

TEST_CASE("ConstantLr throws std::invalid_argument for a negative factor") {
  CHECK_THROWS_AS(ConstantLr{.factor = -1}.resolved({}), std::invalid_argument);
}
