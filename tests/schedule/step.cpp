// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/step.hpp`.
#include "hone/schedule/step.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "support/catch.hpp"

using hone::StepLr;

static_assert(hone::ResolvableSchedule<StepLr> && std::same_as<StepLr::slot, hone::slots::Schedule>);
static_assert(StepLr{.step_size = 2, .gamma = 0.5}(8.0, 5) == 2.0);
static_assert(StepLr{.step_size = 3 * hone::run::num_updates_per_epoch}
                  .resolved({.num_updates_per_epoch = 5})
                  .step_size.count() == 15);

TEST_CASE("StepLr matches PyTorch's StepLR") {
  // torch 2.11: SGD(lr=0.05), StepLR(step_size=3, gamma=0.3)
  constexpr std::array expected{0.05,
                                0.05,
                                0.05,
                                0.015,
                                0.015,
                                0.015,
                                0.0045,
                                0.0045,
                                0.0045,
                                0.0013499999999999999,
                                0.0013499999999999999,
                                0.0013499999999999999,
                                0.0004049999999999999,
                                0.0004049999999999999};
  const auto schedule = StepLr{.step_size = 3, .gamma = 0.3}.resolved({});
  for (std::size_t n = 0; n < expected.size(); ++n) {
    CHECK(schedule(0.05, static_cast<std::int64_t>(n)) == Approx(expected[n]).epsilon(1e-12).margin(0));
  }
}

TEST_CASE("StepLr underflows to 0, not to NaN, after many steps") {
  const StepLr schedule{.step_size = 1, .gamma = 0.1};
  CHECK(schedule(0.1, 1'000'000'000'000) == 0.0);
}

TEST_CASE("StepLr throws std::invalid_argument for settings out of range") {
  CHECK_THROWS_AS(StepLr{}.resolved({}), std::invalid_argument);
  CHECK_THROWS_AS((StepLr{.step_size = -3}.resolved({})), std::invalid_argument);
  CHECK_THROWS_AS((StepLr{.step_size = 3, .gamma = -0.1}.resolved({})), std::invalid_argument);
  CHECK_THROWS_AS(StepLr{.step_size = hone::run::num_updates_per_epoch}.resolved({}), std::invalid_argument);
}
