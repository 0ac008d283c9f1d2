// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/per_group.hpp`.
#include "hone/schedule/per_group.hpp"

#include <concepts>
#include <string>

#include "check_values.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/schedule/linear.hpp"

using hone::ConstantLr;
using hone::CosineLr;
using hone::LinearLr;
using hone::PerGroup;
using hone::ScaledGroups;

namespace {

using Two = decltype(PerGroup{LinearLr{}, CosineLr{}});
static_assert(std::same_as<Two, PerGroup<LinearLr, CosineLr>> && std::same_as<Two::slot, hone::slots::Schedule>);
static_assert(hone::GroupSchedule<Two> && !hone::Schedule<Two> && hone::ResolvableSchedule<Two>);
static_assert(hone::GroupSchedule<ScaledGroups<CosineLr>> && !hone::Schedule<ScaledGroups<CosineLr>>);
static_assert(!hone::GroupSchedule<CosineLr>);
static_assert(PerGroup{ConstantLr{}, ConstantLr{.factor = 0.5}}(1.0, 7, 1) == 0.5);

template <class S>
std::string refusal_of_group(const S& schedule, std::size_t group) {
  try {
    static_cast<void>(schedule(1.0, 0, group));
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("PerGroup applies the n-th schedule to the n-th group") {
  const hone::RunLength length{.num_updates = 20};
  const auto schedule = PerGroup{LinearLr{}, ConstantLr{}, CosineLr{}}.resolved(length);
  for (int n = 0; n < 25; ++n) {
    CHECK(schedule(0.1, n, 0) == LinearLr{}.resolved(length)(0.1, n));
    CHECK(schedule(0.2, n, 1) == 0.2);
    CHECK(schedule(0.3, n, 2) == CosineLr{}.resolved(length)(0.3, n));
  }
}

TEST_CASE("ScaledGroups multiplies one schedule by the factor of each group") {
  const auto schedule =
      ScaledGroups{.factors = {1.0, 0.25}, .schedule = LinearLr{.start_factor = 1.0, .end_factor = 0.0}}.resolved(
          {.num_updates = 4});
  CHECK(schedule(0.8, 1, 0) == Approx(0.6).epsilon(1e-12));
  CHECK(schedule(0.8, 1, 1) == Approx(0.15).epsilon(1e-12));
}

TEST_CASE("PerGroup and ScaledGroups accept schedules that depend on the group") {
  const auto scaled =
      ScaledGroups{.factors = {1.0, 0.25}, .schedule = PerGroup{ConstantLr{}, ConstantLr{.factor = 2.0}}}.resolved({});
  CHECK(scaled(1.0, 3, 0) == 1.0);
  CHECK(scaled(1.0, 3, 1) == 0.5);
  const auto nested =
      PerGroup{ConstantLr{}, ScaledGroups{.factors = {9.0, 3.0}, .schedule = ConstantLr{}}}.resolved({});
  CHECK(nested(1.0, 3, 0) == 1.0);
  CHECK(nested(1.0, 3, 1) == 3.0);
}

TEST_CASE("PerGroup and ScaledGroups throw std::invalid_argument for a group beyond their size") {
  CHECK(refusal_of_group(PerGroup{ConstantLr{}, ConstantLr{}}, 2) ==
        "PerGroup is for 2 parameter groups, but the optimizer has a group 2, counted from 0. Set one for each group.");
  CHECK(refusal_of_group(ScaledGroups{.factors = {1.0}, .schedule = ConstantLr{}}, 1) ==
        "ScaledGroups is for 1 parameter groups, but the optimizer has a group 1, counted from 0. Set one for each "
        "group.");
}

TEST_CASE("PerGroup and ScaledGroups check their settings and their schedules' settings") {
  CHECK(refusal(ScaledGroups<>{}) == "ScaledGroups::factors is empty. Set one for each group.");
  CHECK(refuses("ScaledGroups::factors is -1", ScaledGroups<>{.factors = {1.0, -1.0}}));
  CHECK(refuses("ConstantLr::factor is -1", PerGroup{ConstantLr{}, ConstantLr{.factor = -1.0}}));
}
