// SPDX-License-Identifier: Apache-2.0
#include "hone/finetune/averaging_rules.hpp"

#include <limits>
#include <stdexcept>

#include "support/catch.hpp"

TEST_CASE("with warmup the decay increases from 0.1 to `decay`") {
  const hone::ExponentialAverage rule{.decay = 0.5, .warmup = true};
  CHECK(rule.weight(0) == Approx(0.9));
  CHECK(rule.weight(1) == Approx(9.0 / 11.0));
  CHECK(rule.weight(8) == Approx(0.5));
  CHECK(rule.weight(1000) == Approx(0.5));
  CHECK(hone::ExponentialAverage{.decay = 0.5}.weight(0) == 0.5);
}

TEST_CASE("EqualAverage gives each of n values the weight 1 / n") {
  CHECK(hone::EqualAverage{}.weight(0) == 1.0);
  CHECK(hone::EqualAverage{}.weight(3) == 0.25);
}

TEST_CASE("a decay outside of [0, 1] throws std::invalid_argument") {
  for (const double decay : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(hone::ExponentialAverage{.decay = decay}.check(), std::invalid_argument);
  }
  hone::ExponentialAverage{.decay = 1.0}.check();
}

struct WeighsInFloat {
  static float weight(std::int64_t) { return 0.5F; }
  bool average_buffers = true;
  void check() const {}
};
static_assert(!hone::AveragingRule<WeighsInFloat>);
