// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/history/running_mean.hpp`.
#include "hone/history/running_mean.hpp"

#include <cmath>
#include <limits>
#include <type_traits>

#include "support/catch.hpp"

using hone::RunningMean;

namespace {

constexpr RunningMean mean_of_two() {
  RunningMean mean;
  mean.add(0.5, 32);
  mean.add(2.0, 16);
  return mean;
}
static_assert(mean_of_two().mean() == 1.0 && mean_of_two().total() == 48.0 && mean_of_two().count() == 48.0);
static_assert(std::is_trivially_copyable_v<RunningMean> && sizeof(RunningMean) == 2 * sizeof(double));

}  // namespace

TEST_CASE("a RunningMean without values is NaN") {
  const RunningMean mean;
  CHECK(std::isnan(mean.mean()));
  CHECK(mean.total() == 0.0);
  CHECK(mean.count() == 0.0);
}

TEST_CASE("values of equal weight have the arithmetic mean") {
  RunningMean mean;
  for (int value = 1; value <= 10; ++value) mean.add(value);
  CHECK(mean.mean() == 5.5);
  CHECK(mean.total() == 55.0);
  CHECK(mean.count() == 10.0);
}

TEST_CASE("RunningMean weights its values") {
  RunningMean mean;
  mean.add(10.0, 1);
  mean.add(20.0, 3);
  CHECK(mean.mean() == 17.5);
  CHECK(mean.mean() == mean.total() / mean.count());
}

TEST_CASE("a merged RunningMean equals one that received all values") {
  RunningMean all, first, second;
  for (int i = 0; i < 8; ++i) {
    all.add(i, i + 1);
    (i < 3 ? first : second).add(i, i + 1);
  }
  first.merge(second);
  CHECK(first == all);
  first.merge(RunningMean{});
  CHECK(first == all);
}

TEST_CASE("RunningMean::reset restores the initial state") {
  RunningMean mean;
  mean.add(3.0, 2);
  mean.reset();
  CHECK(mean == RunningMean{});
}

TEST_CASE("a value of weight 0 is ignored, also NaN") {
  RunningMean mean;
  mean.add(2.0, 4);
  mean.add(std::numeric_limits<double>::quiet_NaN(), 0);
  CHECK(mean.mean() == 2.0);
  mean.add(std::numeric_limits<double>::quiet_NaN(), 1);
  CHECK(std::isnan(mean.mean()));
}

TEST_CASE("RunningMean::add throws std::invalid_argument for a weight that is negative or NaN") {
  RunningMean mean;
  CHECK_THROWS_AS(mean.add(1.0, -1), std::invalid_argument);
  CHECK_THROWS_AS(mean.add(1.0, std::numeric_limits<double>::quiet_NaN()), std::invalid_argument);
  CHECK(mean == RunningMean{});
}
