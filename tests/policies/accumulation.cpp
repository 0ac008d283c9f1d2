// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/accumulation.hpp"

#include "support/catch.hpp"

namespace {

static_assert(hone::GradAccum<4>::num_batches_per_update() == 4 && hone::GradAccum<4>::static_batches_per_update == 4);
static_assert(hone::UpdatesEveryBatch<hone::GradAccum<1>> && !hone::UpdatesEveryBatch<hone::GradAccum<4>>);
static_assert(std::is_default_constructible_v<hone::GradAccum<hone::dynamic>>);
static_assert(std::is_same_v<hone::GradAccum<hone::dynamic>::slot, hone::slots::Accumulation>);

struct MyOwn {  // for example with a warm-up of the window
  using slot = hone::slots::Accumulation;
  static std::int64_t num_batches_per_update() { return 2; }
};
static_assert(hone::AccumulationPolicy<MyOwn> && !hone::UpdatesEveryBatch<MyOwn>);

static_assert(std::is_same_v<decltype(hone::GradAccum{4}), hone::GradAccum<hone::dynamic>>);
static_assert(sizeof(hone::GradAccum<hone::dynamic>) == sizeof(std::int64_t));

TEST_CASE("GradAccum<dynamic> stores the number of batches, which is 1 by default") {
  CHECK(hone::GradAccum<hone::dynamic>{.num_batches = 5}.num_batches_per_update() == 5);
  CHECK(hone::GradAccum{3}.num_batches_per_update() == 3);
  CHECK(hone::GradAccum<hone::dynamic>{}.num_batches_per_update() == 1);
}

TEST_CASE("GradAccum throws std::invalid_argument for fewer than 1 batch") {
  const auto bad = GENERATE(0, -1, -5);
  try {
    static_cast<void>(hone::GradAccum{bad});
    FAIL("accepted");
  } catch (const std::invalid_argument& error) {
    CHECK(std::string(error.what()) ==
          "GradAccum::num_batches is " + std::to_string(bad) + ". Set it to 1 or greater.");
  }
}

/// Returns the number of batches as a string.
struct AccumulatesText {
  using slot = hone::slots::Accumulation;
  static const char* num_batches_per_update() { return "4"; }
};
static_assert(!hone::AccumulationPolicy<AccumulatesText>);

}  // namespace
