// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/multi_step.hpp`.
#include "hone/schedule/multi_step.hpp"

#include <concepts>

#include "check_values.hpp"
#include "reference_values.hpp"

using hone::MultiStepLr;
namespace run = hone::run;

static_assert(hone::ResolvableSchedule<MultiStepLr> && std::same_as<MultiStepLr::slot, hone::slots::Schedule>);

TEST_CASE("MultiStepLr matches PyTorch's MultiStepLR") {
  check_values(MultiStepLr{.milestones = {3, 7, 8}, .gamma = 0.3}.resolved({}), 0.1, hone::reference::multi_step);
  check_values(MultiStepLr{.milestones = {4, 2, 4}, .gamma = 0.5}.resolved({}), 0.1,
               hone::reference::multi_step_double);
}

TEST_CASE("milestones may be given in epochs of the run") {
  const auto schedule =
      MultiStepLr{.milestones = {2 * run::num_updates_per_epoch, run::num_updates - 1}, .gamma = 0.5}.resolved(
          {.num_updates = 20, .num_updates_per_epoch = 4});
  CHECK(schedule(1.0, 7) == 1.0);
  CHECK(schedule(1.0, 8) == 0.5);
  CHECK(schedule(1.0, 19) == 0.25);
}

TEST_CASE("MultiStepLr throws std::invalid_argument that names a setting out of range") {
  CHECK(refusal(MultiStepLr{}) == "MultiStepLr::milestones is empty. Add at least one.");
  CHECK(refuses("MultiStepLr::milestones is -1", MultiStepLr{.milestones = {3, -1}}));
  CHECK(refuses("MultiStepLr::gamma is -1", MultiStepLr{.milestones = {3}, .gamma = -1.0}));
}
