// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/polynomial.hpp`.
#include "hone/schedule/polynomial.hpp"

#include <concepts>

#include "check_values.hpp"
#include "reference_values.hpp"

using hone::PolynomialLr;

static_assert(hone::ResolvableSchedule<PolynomialLr> && std::same_as<PolynomialLr::slot, hone::slots::Schedule>);
static_assert(PolynomialLr{.total_updates = 4}(8.0, 1) == 6.0 && PolynomialLr{.total_updates = 4}(8.0, 9) == 0.0);

TEST_CASE("PolynomialLr matches PyTorch's PolynomialLR") {
  check_values(PolynomialLr{.total_updates = 8, .power = 0.9}.resolved({}), 0.2, hone::reference::polynomial);
  check_values(PolynomialLr{.power = 2.0}.resolved({.num_updates = 6}), 0.05, hone::reference::polynomial_square);
}

TEST_CASE("PolynomialLr ends at min_lr, or at min_lr_ratio times base_lr") {
  const PolynomialLr rate{.total_updates = 10, .power = 2.0, .min_lr = 0.02};
  CHECK(rate(0.1, 0) == 0.1);
  CHECK(rate(0.1, 5) == Approx(0.02 + 0.08 * 0.25).epsilon(1e-12));
  CHECK(rate(0.1, 10) == 0.02);
  const PolynomialLr ratio{.total_updates = 10, .power = 2.0, .min_lr = 0.5, .min_lr_ratio = 0.25};
  CHECK(ratio(0.4, 99) == 0.1);
}

TEST_CASE("PolynomialLr throws std::invalid_argument that names a setting out of range") {
  CHECK(refuses("PolynomialLr::total_updates is 0", PolynomialLr{.total_updates = 0}));
  CHECK(refuses("PolynomialLr::total_updates needs", PolynomialLr{}, {}));
  CHECK(refuses("PolynomialLr::power is 0", PolynomialLr{.power = 0.0}));
  CHECK(refuses("PolynomialLr::min_lr is -1", PolynomialLr{.min_lr = -1.0}));
  CHECK(refuses("PolynomialLr::min_lr_ratio is 2", PolynomialLr{.min_lr_ratio = 2.0}));
}
