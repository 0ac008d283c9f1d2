// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/reduce_on_plateau.hpp`.
#include "hone/schedule/reduce_on_plateau.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "reference_values.hpp"
#include "support/catch.hpp"

using hone::ReduceOnPlateau;
using hone::ThresholdMode;
namespace reference = hone::reference;

namespace {

static_assert(std::is_aggregate_v<ReduceOnPlateau> && std::is_trivially_copyable_v<ReduceOnPlateau::State>);
static_assert(ReduceOnPlateau{.factor = 0.5}.reduced(1.0) == 0.5);
static_assert(ReduceOnPlateau{.factor = 0.5, .min_lr = 0.75}.reduced(1.0) == 0.75);
static_assert(ReduceOnPlateau{.factor = 0.5, .min_lr = 2.0}.reduced(1.0) == 1.0);

// As in reference.py.
const double nan_loss = std::nan(""), infinity = HUGE_VAL;
const std::array losses{1.0,      0.8,  0.81,   0.8, 0.79995, 0.9, 0.85, 0.7, 0.71, 0.72,
                        nan_loss, 0.69, 0.6999, 0.7, 0.7,     0.7, 0.7,  0.7, 0.7,  0.7};
const std::array scores{-2.0, -1.5, -1.5, -1.49999, -1.4, -1.4, -1.4, 0.1, 0.2, 0.2,
                        0.2,  0.2,  0.25, 0.25,     0.25, 0.25, 0.25, 0.3, 0.3, 0.3};
const std::array odd{infinity, infinity, nan_loss, 0.0, 0.0, -1.0, -1.0, -0.99995, -0.9999, -0.9998, -2.0, -2.0};

template <std::size_t N>
void check_rates(ReduceOnPlateau plateau, double lr, const std::array<double, N>& metrics,
                 const std::array<double, N>& expected) {
  plateau.check();
  for (std::size_t i = 0; i < N; ++i) {
    CAPTURE(i);
    if (plateau.observe(metrics[i])) lr = plateau.reduced(lr);
    CHECK(lr == Approx(expected[i]).epsilon(1e-12).margin(0));
  }
}

std::string refusal(const ReduceOnPlateau& plateau) {
  try {
    plateau.check();
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("ReduceOnPlateau matches PyTorch's ReduceLROnPlateau") {
  check_rates({.patience = 1}, 0.1, losses, reference::plateau);
  check_rates(
      {.factor = 0.5, .patience = 0, .threshold = 0.01, .threshold_mode = ThresholdMode::absolute, .min_lr = 0.02}, 0.1,
      losses, reference::plateau_absolute);
  check_rates({.factor = 0.5, .patience = 1, .cooldown = 3}, 0.1, losses, reference::plateau_cooldown);
  check_rates({.factor = 0.5, .patience = 0}, 1e-7, losses, reference::plateau_eps);
}

TEST_CASE("greater_is_better matches PyTorch's mode max") {
  auto above_zero = scores;
  for (double& score : above_zero) score += 3.0;
  check_rates({.factor = 0.3, .patience = 1, .greater_is_better = true}, 0.1, above_zero, reference::plateau_max);
  check_rates({.patience = 1, .threshold = 0.05, .threshold_mode = ThresholdMode::absolute, .greater_is_better = true},
              0.1, scores, reference::plateau_max_absolute);
}

TEST_CASE("decisions for negative values mirror the decisions for positive values") {
  auto mirrored = losses;
  for (double& loss : mirrored) loss = -loss;
  check_rates({.patience = 1, .greater_is_better = true}, 0.1, mirrored, reference::plateau);
  check_rates({.factor = 0.5, .patience = 0}, 0.1, odd, reference::plateau_odd);
}

TEST_CASE("negative values that get worse are not an improvement, and the best value stays") {
  ReduceOnPlateau plateau{.patience = 2};
  int reductions = 0;
  for (int i = 0; i < 12; ++i) reductions += plateau.observe(-1.0 + 5e-5 * i);
  CHECK(reductions == 3);
  CHECK(plateau.state.best == -1.0);

  ReduceOnPlateau zero{.patience = 0};
  CHECK_FALSE(zero.observe(0.0));
  CHECK(zero.observe(0.0));
  CHECK(zero.observe(1e-9));
  CHECK_FALSE(zero.observe(-1e-9));
}

TEST_CASE("ReduceOnPlateau never records NaN or infinity in the worse direction as the best value") {
  for (const bool greater : {false, true}) {
    ReduceOnPlateau plateau{.patience = 9, .greater_is_better = greater};
    plateau.observe(nan_loss);
    plateau.observe(greater ? -infinity : infinity);
    CHECK(!plateau.state.best);
    plateau.observe(0.5);
    plateau.observe(nan_loss);
    CHECK(plateau.state.best == 0.5);
    plateau.observe(greater ? infinity : -infinity);
    plateau.observe(1.0);
    CHECK(plateau.state.best == (greater ? infinity : -infinity));
  }
}

TEST_CASE("a ReduceOnPlateau with a copied state makes the same decisions") {
  ReduceOnPlateau first{.factor = 0.5, .patience = 2, .cooldown = 1};
  for (std::size_t i = 0; i < 6; ++i) first.observe(losses[i]);
  ReduceOnPlateau second{.factor = 0.5, .patience = 2, .cooldown = 1};
  second.state = first.state;
  for (std::size_t i = 6; i < losses.size(); ++i) {
    CHECK(second.observe(losses[i]) == first.observe(losses[i]));
    CHECK(second.state == first.state);
  }
}

TEST_CASE("ReduceOnPlateau::check throws std::invalid_argument for a setting out of range") {
  CHECK(refusal({}) == "");
  CHECK(refusal({.factor = 1.0}) == "ReduceOnPlateau::factor is 1. Set it to at least 0 and less than 1.");
  CHECK(refusal({.patience = -1}) == "ReduceOnPlateau::patience is -1. Set it to 0 or greater.");
  CHECK(refusal({.threshold = -1.0}) != "");
  CHECK(refusal({.cooldown = -1}) != "");
  CHECK(refusal({.min_lr = -1.0}) != "");
  CHECK(refusal({.eps = nan_loss}) != "");
}
