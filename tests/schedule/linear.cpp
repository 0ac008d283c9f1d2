// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/linear.hpp`.
#include "hone/schedule/linear.hpp"

#include <concepts>

#include "check_values.hpp"
#include "reference_values.hpp"

using hone::LinearLr;

static_assert(hone::ResolvableSchedule<LinearLr> && std::same_as<LinearLr::slot, hone::slots::Schedule>);
static_assert(LinearLr{.total_updates = 4, .start_factor = 0.0, .end_factor = 2.0}(8.0, 1) == 4.0);

TEST_CASE("LinearLr matches PyTorch's LinearLR") {
  check_values(LinearLr{.total_updates = 5}.resolved({}), 0.05, hone::reference::linear);
  check_values(LinearLr{.start_factor = 1.0, .end_factor = 0.1}.resolved({.num_updates = 7}), 0.4,
               hone::reference::linear_down);
}

TEST_CASE("LinearLr throws std::invalid_argument that names a setting out of range") {
  CHECK(refuses("LinearLr::total_updates is 0", LinearLr{.total_updates = 0}));
  CHECK(refuses("LinearLr::start_factor is -1", LinearLr{.start_factor = -1.0}));
  CHECK(refuses("LinearLr::end_factor is -1", LinearLr{.end_factor = -1.0}));
}
