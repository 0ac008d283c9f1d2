// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/inverse_sqrt.hpp`.
#include "hone/schedule/inverse_sqrt.hpp"

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "check_values.hpp"
#include "reference_values.hpp"

using hone::InverseSqrtLr;

static_assert(hone::ResolvableSchedule<InverseSqrtLr> && std::same_as<InverseSqrtLr::slot, hone::slots::Schedule>);

TEST_CASE("InverseSqrtLr matches the formula of the paper") {
  const double peak = 1.0 / std::sqrt(512.0 * 4000.0);
  const auto schedule = InverseSqrtLr{.warmup_updates = 4000}.resolved({});
  constexpr std::array<std::int64_t, 8> steps{1, 2, 1000, 3999, 4000, 4001, 16000, 100000};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    CHECK(schedule(peak, steps[i] - 1) == Approx(hone::reference::vaswani[i]).epsilon(1e-12).margin(0));
  }
  check_values(schedule, peak, hone::reference::vaswani_lambda);
}

TEST_CASE("InverseSqrtLr has its maximum, base_lr, at the end of the warm-up") {
  const auto schedule = InverseSqrtLr{.warmup_updates = hone::run::num_updates / 10}.resolved({.num_updates = 100});
  CHECK(schedule(0.2, 9) == 0.2);
  CHECK(schedule(0.2, 8) < 0.2);
  CHECK(schedule(0.2, 39) == 0.1);
}

TEST_CASE("InverseSqrtLr throws std::invalid_argument for a warm-up of 0 updates") {
  CHECK(refuses("InverseSqrtLr::warmup_updates is 0. Set it to 1 or greater.", InverseSqrtLr{}));
}
