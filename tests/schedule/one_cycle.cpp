// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/one_cycle.hpp`.
#include "hone/schedule/one_cycle.hpp"

#include <concepts>

#include "check_values.hpp"
#include "reference_values.hpp"

using hone::Anneal;
using hone::OneCycleLr;
using hone::OneCycleMomentum;
namespace reference = hone::reference;

static_assert(hone::ResolvableSchedule<OneCycleLr> && std::same_as<OneCycleLr::slot, hone::slots::Schedule>);
static_assert(hone::ResolvableSchedule<OneCycleMomentum>);

TEST_CASE("OneCycleLr and OneCycleMomentum each match PyTorch's OneCycleLR") {
  check_values(OneCycleLr{}.resolved({.num_updates = 20}), 0.3, reference::one_cycle_lr);
  check_values(OneCycleMomentum{}.resolved({.num_updates = 20}), 0.9, reference::one_cycle_momentum);

  check_values(
      OneCycleLr{
          .total_updates = 13, .pct_start = 0.4, .div_factor = 10, .final_div_factor = 50, .anneal = Anneal::linear}
          .resolved({}),
      0.3, reference::one_cycle_linear_lr);
  check_values(OneCycleMomentum{.total_updates = 13, .pct_start = 0.4, .anneal = Anneal::linear}.resolved({}), 0.9,
               reference::one_cycle_linear_momentum);
}

TEST_CASE("three_phase matches PyTorch's OneCycleLR") {
  check_values(OneCycleLr{.total_updates = 25, .pct_start = 0.35, .three_phase = true}.resolved({}), 0.3,
               reference::one_cycle_three_lr);
  check_values(OneCycleMomentum{.total_updates = 25, .pct_start = 0.35, .three_phase = true}.resolved({}), 0.9,
               reference::one_cycle_three_momentum);

  check_values(OneCycleLr{.total_updates = 17, .anneal = Anneal::linear, .three_phase = true}.resolved({}), 0.3,
               reference::one_cycle_three_linear_lr);
  check_values(OneCycleMomentum{.total_updates = 17,
                                .base_momentum = 0.8,
                                .max_momentum = 0.99,
                                .anneal = Anneal::linear,
                                .three_phase = true}
                   .resolved({}),
               0.9, reference::one_cycle_three_linear_momentum);
}

TEST_CASE("pct_start 0 matches PyTorch's OneCycleLR") {
  check_values(OneCycleLr{.total_updates = 6, .pct_start = 0.0}.resolved({}), 0.3, reference::one_cycle_no_rise_lr);
  check_values(OneCycleMomentum{.total_updates = 6, .pct_start = 0.0}.resolved({}), 0.9,
               reference::one_cycle_no_rise_momentum);
}

TEST_CASE("the maximum is the base_lr of each group, or max_lr for all groups") {
  const auto own = OneCycleLr{.total_updates = 20}.resolved({});
  CHECK(own(0.6, 5) == 0.6);
  CHECK(own(0.3, 5) == 0.3);
  const auto given = OneCycleLr{.total_updates = 20, .max_lr = 0.3}.resolved({});
  check_values(given, 123.0, reference::one_cycle_lr);
}

TEST_CASE("OneCycleLr keeps its last value after total_updates") {
  const auto schedule = OneCycleLr{.total_updates = 20}.resolved({});
  CHECK(schedule(0.3, 20) == schedule(0.3, 19));
  CHECK(schedule(0.3, 1000) == schedule(0.3, 19));
}

TEST_CASE("OneCycleLr does not divide by zero if a phase has no updates") {
  for (const bool three_phase : {false, true}) {
    for (const int total : {1, 2, 3, 4, 10}) {
      for (const double pct_start : {0.0, 0.1, 0.25, 0.5}) {
        const auto schedule =
            OneCycleLr{.total_updates = total, .pct_start = pct_start, .three_phase = three_phase}.resolved({});
        for (int n = 0; n < 12; ++n) {
          CAPTURE(three_phase, total, pct_start, n);
          CHECK((schedule(1.0, n) >= 0.9 / 25e4 && schedule(1.0, n) <= 1.0));
        }
      }
    }
  }
  CHECK(OneCycleLr{.total_updates = 5, .pct_start = 1.0}(1.0, 4) == 1.0);
}

TEST_CASE("OneCycleLr and OneCycleMomentum throw std::invalid_argument that names a setting out of range") {
  CHECK(refuses("OneCycleLr::total_updates is 0", OneCycleLr{.total_updates = 0}));
  CHECK(refuses("OneCycleLr::pct_start is 1.5", OneCycleLr{.pct_start = 1.5}));
  CHECK(refuses("OneCycleLr::pct_start is 0.6. With three_phase", OneCycleLr{.pct_start = 0.6, .three_phase = true}));
  CHECK(refuses("OneCycleLr::div_factor is 0", OneCycleLr{.div_factor = 0.0}));
  CHECK(refuses("OneCycleLr::final_div_factor is 0", OneCycleLr{.final_div_factor = 0.0}));
  CHECK(refuses("OneCycleLr::max_lr is -1", OneCycleLr{.max_lr = -1.0}));
  CHECK(refuses("OneCycleMomentum::base_momentum is -1", OneCycleMomentum{.base_momentum = -1.0}));
  CHECK(refuses("OneCycleMomentum::max_momentum is 1", OneCycleMomentum{.max_momentum = 1.0}));
  CHECK(refuses("OneCycleMomentum::pct_start is 1.5", OneCycleMomentum{.pct_start = 1.5}));
}
