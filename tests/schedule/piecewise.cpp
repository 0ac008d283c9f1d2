// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/piecewise.hpp`.
#include "hone/schedule/piecewise.hpp"

#include <concepts>

#include "check_values.hpp"
#include "reference_values.hpp"

using hone::PiecewiseLr;
namespace run = hone::run;

static_assert(hone::ResolvableSchedule<PiecewiseLr> && std::same_as<PiecewiseLr::slot, hone::slots::Schedule>);

TEST_CASE("PiecewiseLr matches NumPy's interp") {
  check_values(PiecewiseLr{.points = {{2, 0.1}, {5, 1.0}, {9, 0.4}, {14, 0.0}}}.resolved({}), 0.2,
               hone::reference::interpolated);
}

TEST_CASE("two points at the same update make a jump") {
  const auto schedule =
      PiecewiseLr{.points = {{0, 1.0}, {4, 0.5}, {4, 0.25}, {run::num_updates, 0.0}}}.resolved({.num_updates = 8});
  CHECK(schedule(1.0, 2) == 0.75);
  CHECK(schedule(1.0, 4) == 0.25);
  CHECK(schedule(1.0, 6) == 0.125);
  CHECK(schedule(1.0, 80) == 0.0);
}

TEST_CASE("PiecewiseLr with one point is constant") { CHECK(PiecewiseLr{.points = {{3, 0.5}}}(0.2, 0) == 0.1); }

TEST_CASE("PiecewiseLr throws std::invalid_argument for no points, points out of order and negative values") {
  CHECK(refusal(PiecewiseLr{}) == "PiecewiseLr::points is empty. Add at least one.");
  CHECK(refusal(PiecewiseLr{.points = {{5, 1.0}, {2, 0.5}}}) ==
        "PiecewiseLr::points has update 2 after update 5. Put the points in ascending order.");
  CHECK(refuses("PiecewiseLr::points is -1", PiecewiseLr{.points = {{-1, 1.0}}}));
  CHECK(refuses("PiecewiseLr::points' factor is -1", PiecewiseLr{.points = {{0, -1.0}}}));
}
