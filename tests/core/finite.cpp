// SPDX-License-Identifier: Apache-2.0
#include "hone/core/finite.hpp"

#include <cmath>
#include <limits>

#include "support/catch.hpp"

namespace {

using namespace hone::detail;

template <class T>
void check_kinds() {
  using Limits = std::numeric_limits<T>;
  for (const T sign : {T(1), T(-1)}) {
    for (const T number : {T(0), Limits::denorm_min(), Limits::min(), T(1), Limits::max()}) {
      CHECK(is_finite(sign * number));
      CHECK_FALSE(is_nan(sign * number));
      CHECK_FALSE(is_infinite(sign * number));
    }
    CHECK(is_infinite(sign * Limits::infinity()));
    CHECK_FALSE(is_finite(sign * Limits::infinity()));
    CHECK_FALSE(is_nan(sign * Limits::infinity()));
    for (const T nan : {Limits::quiet_NaN(), Limits::signaling_NaN()}) {
      CHECK(is_nan(std::copysign(nan, sign)));
      CHECK_FALSE(is_finite(std::copysign(nan, sign)));
      CHECK_FALSE(is_infinite(std::copysign(nan, sign)));
    }
  }
}

static_assert(is_finite(1.0) && is_infinite(HUGE_VAL) && is_nan(quiet_nan()) && !is_nan(1.0F));

}  // namespace

TEST_CASE("exactly one of is_finite, is_infinite and is_nan is true for each number") {
  check_kinds<double>();
  check_kinds<float>();
  CHECK(std::isnan(quiet_nan()));
}
