// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/schedules.hpp`.
#include "hone/schedule/schedules.hpp"

#include <concepts>
#include <tuple>

#include "hone/schedule/constant.hpp"
#include "hone/schedule/one_cycle.hpp"
#include "support/catch.hpp"

namespace fields = hone::fields;
using hone::OneCycleLr;
using hone::OneCycleMomentum;
using hone::ScheduleOf;
using hone::Schedules;

namespace {

using Both = decltype(Schedules{fields::lr = OneCycleLr{}, fields::momentum = OneCycleMomentum{}});
static_assert(
    std::same_as<Both, Schedules<ScheduleOf<fields::Lr, OneCycleLr>, ScheduleOf<fields::Momentum, OneCycleMomentum>>>);
static_assert(std::same_as<Both::slot, hone::slots::Schedule> && hone::ResolvableSchedule<Both>);
static_assert(std::default_initializable<Both> && std::equality_comparable<Both>);

}  // namespace

TEST_CASE("Schedules::resolved resolves the schedule of each field") {
  const Schedules given{fields::lr = OneCycleLr{.pct_start = 0.2}, fields::beta1 = OneCycleMomentum{}};
  const auto schedules = given.resolved({.num_updates = 40});
  CHECK(std::get<0>(schedules.schedules).schedule == OneCycleLr{.total_updates = 40, .pct_start = 0.2});
  CHECK(std::get<1>(schedules.schedules).schedule == OneCycleMomentum{.total_updates = 40});
  CHECK_THROWS_AS(given.resolved({}), std::invalid_argument);
}
