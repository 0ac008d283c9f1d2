// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/exponential.hpp`.
#include "hone/schedule/exponential.hpp"

#include <concepts>

#include "check_values.hpp"
#include "reference_values.hpp"

using hone::ExponentialLr;

static_assert(hone::ResolvableSchedule<ExponentialLr> && std::same_as<ExponentialLr::slot, hone::slots::Schedule>);

TEST_CASE("ExponentialLr matches PyTorch's ExponentialLR") {
  check_values(ExponentialLr{.gamma = 0.87}.resolved({}), 0.3, hone::reference::exponential);
}

TEST_CASE("decay_updates spreads gamma over several updates") {
  const auto schedule = ExponentialLr{.gamma = 0.25, .decay_updates = hone::run::num_updates_per_epoch}.resolved(
      {.num_updates_per_epoch = 10});
  CHECK(schedule(0.8, 5) == Approx(0.4).epsilon(1e-12));
  CHECK(schedule(0.8, 10) == Approx(0.2).epsilon(1e-12));
  CHECK(schedule(0.8, 20) == Approx(0.05).epsilon(1e-12));
  CHECK(schedule(0.8, 1'000'000'000) == 0.0);
}

TEST_CASE("ExponentialLr throws std::invalid_argument that names a setting out of range") {
  CHECK(refusal(ExponentialLr{}) == "ExponentialLr::gamma is 0. Set it to a finite number greater than 0.");
  CHECK(refuses("ExponentialLr::decay_updates is 0", ExponentialLr{.gamma = 0.5, .decay_updates = 0}));
}
