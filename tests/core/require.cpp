// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/core/require.hpp`.
#include "hone/core/require.hpp"

#include <limits>
#include <string>

#include "support/catch.hpp"

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

constexpr bool passes_at_compile_time() {
  hone::detail::require_ratio("A::b", 0.5);
  hone::detail::require_at_least("A::b", 1, 1);
  return true;
}
static_assert(passes_at_compile_time());
static_assert(!hone::detail::is_finite(not_a_number) && !hone::detail::is_finite(infinity) &&
              hone::detail::is_finite(-1e308));

}  // namespace

TEST_CASE("require_ratio throws std::invalid_argument with the setting, its value and the remedy") {
  try {
    hone::detail::require_ratio("CosineLr::min_lr_ratio", 1.5);
    FAIL("1.5 is no ratio");
  } catch (const std::invalid_argument& error) {
    CHECK(std::string(error.what()) == "CosineLr::min_lr_ratio is 1.5. Set it to a number from 0 to 1.");
  }
}

TEST_CASE("require_at_least writes large counts without an exponent") {
  try {
    hone::detail::require_at_least("A::b", -1000000, 0);
    FAIL("negative");
  } catch (const std::invalid_argument& error) {
    CHECK(std::string(error.what()) == "A::b is -1000000. Set it to 0 or greater.");
  }
}

TEST_CASE("the checks of floating-point settings throw for NaN and infinity") {
  for (const double value : {not_a_number, infinity, -infinity}) {
    CHECK_THROWS_AS(hone::detail::require_not_negative("A::b", value), std::invalid_argument);
    CHECK_THROWS_AS(hone::detail::require_positive("A::b", value), std::invalid_argument);
    CHECK_THROWS_AS(hone::detail::require_ratio("A::b", value), std::invalid_argument);
  }
}

TEST_CASE("the checks of settings accept exactly the values within their limits") {
  hone::detail::require_not_negative("A::b", 0.0);
  hone::detail::require_ratio("A::b", 0.0);
  hone::detail::require_ratio("A::b", 1.0);
  CHECK_THROWS_AS(hone::detail::require_positive("A::b", 0.0), std::invalid_argument);
  CHECK_THROWS_AS(hone::detail::require_at_least("A::b", 0, 1), std::invalid_argument);
}
