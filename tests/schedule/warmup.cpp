// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/warmup.hpp`.
#include "hone/schedule/warmup.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>

#include "check_values.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/schedule/per_group.hpp"
#include "hone/schedule/step.hpp"
#include "support/catch.hpp"

using hone::ConstantLr;
using hone::CosineLr;
using hone::StepLr;
using hone::Warmup;
namespace run = hone::run;

namespace {

static_assert(hone::ResolvableSchedule<Warmup<StepLr>> && std::same_as<Warmup<>::slot, hone::slots::Schedule>);
static_assert(std::same_as<decltype(Warmup{.updates = 3}), Warmup<ConstantLr>>);
static_assert(std::same_as<decltype(Warmup{.updates = 3, .after = CosineLr{}}), Warmup<CosineLr>>);

constexpr Warmup line{.updates = 4, .start_lr = 0.0, .after = ConstantLr{.factor = 2.0}};
static_assert(line(0.5, 0) == 0.0 && line(0.5, 1) == 0.25 && line(0.5, 4) == 1.0 && line(0.5, 99) == 1.0);

}  // namespace

TEST_CASE("Warmup alone matches PyTorch's LinearLR") {
  // torch 2.11: SGD(lr=0.1), LinearLR(start_factor=1/3, total_iters=5)
  check_values(Warmup{.updates = 5}.resolved({}), 0.1,
               std::array{0.03333333333333333, 0.04666666666666667, 0.060000000000000005, 0.07333333333333335,
                          0.08666666666666668, 0.1, 0.1, 0.1, 0.1});
  // torch 2.11: SGD(lr=0.02), LinearLR(start_factor=0.1, total_iters=4)
  check_values(Warmup{.updates = 4, .start_factor = 0.1}.resolved({}), 0.02,
               std::array{0.002, 0.006500000000000001, 0.011000000000000001, 0.015500000000000002, 0.02, 0.02, 0.02});
}

TEST_CASE("Warmup before CosineLr matches PyTorch's SequentialLR") {
  // torch 2.11: SGD(lr=0.1), SequentialLR of LinearLR(0.25, total_iters=4) and CosineAnnealingLR(8, 1e-4) at [4]
  check_values(
      Warmup{.updates = 4, .start_factor = 0.25, .after = CosineLr{.min_lr = 1e-4}}.resolved({.num_updates = 12}), 0.1,
      std::array{0.025, 0.043750000000000004, 0.06250000000000001, 0.08125000000000002, 0.1, 0.09619778264893877,
                 0.08536998372026805, 0.06916503744663624, 0.050050000000000004, 0.030934962553363768,
                 0.014730016279731953, 0.0039022173510612273, 0.0001});
}

TEST_CASE("Warmup before StepLr matches PyTorch's SequentialLR") {
  // torch 2.11: SGD(lr=0.1), SequentialLR of LinearLR(0.5, total_iters=3) and StepLR(4, 0.5) at [3]
  check_values(Warmup{.updates = 3, .start_factor = 0.5, .after = StepLr{.step_size = 4, .gamma = 0.5}}.resolved({}),
               0.1,
               std::array{0.05, 0.06666666666666667, 0.08333333333333333, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05,
                          0.025, 0.025, 0.025, 0.025, 0.0125});
}

TEST_CASE("the warm-up of CosineLr equals Warmup before CosineLr") {
  const hone::RunLength length{.num_updates = 100, .num_updates_per_epoch = 10, .num_epochs = 10};
  const auto outer = Warmup{.updates = run::num_updates / 5, .start_lr = 1e-6, .after = CosineLr{}}.resolved(length);
  const auto inner = CosineLr{.warmup_updates = run::num_updates / 5, .warmup_start_lr = 1e-6}.resolved(length);
  for (std::int64_t n = 0; n < 120; ++n) CHECK(outer(0.01, n) == Approx(inner(0.01, n)).epsilon(1e-12).margin(0));
}

TEST_CASE("a Warmup of 0 updates equals the schedule after it") {
  const auto schedule = Warmup{.after = StepLr{.step_size = 2}}.resolved({.num_updates = 10});
  const StepLr step{.step_size = 2};
  for (std::int64_t n = 0; n < 10; ++n) CHECK(schedule(0.1, n) == step(0.1, n));
}

TEST_CASE("Warmup accepts a lambda as the schedule after it") {
  const auto schedule = Warmup{.updates = 2, .start_factor = 0.0, .after = [](double base_lr, std::int64_t update) {
                                 return base_lr / static_cast<double>(update + 1);
                               }};
  CHECK(schedule(1.0, 1) == 0.5);
  CHECK(schedule(1.0, 3) == 0.5);
}

/// Has a const and a reference member, so it cannot be assigned.
struct Fixed {
  using slot = hone::slots::Schedule;
  const double factor;
  const double& divisor;
  double operator()(double base_lr, std::int64_t) const { return base_lr * factor / divisor; }
};

TEST_CASE("Warmup accepts a schedule that cannot be assigned, as a lambda with captures") {
  const double divisor = 4.0;
  const auto after_lambda = Warmup{
      .updates = run::num_updates / 2, .start_factor = 0.0, .after = [divisor](double base_lr, std::int64_t) {
        return base_lr / divisor;
      }}.resolved({.num_updates = 4});
  CHECK(after_lambda(1.0, 1) == 0.125);
  CHECK(after_lambda(1.0, 2) == 0.25);
  const auto after_fixed =
      Warmup{.updates = 2, .start_factor = 0.0, .after = Fixed{2.0, divisor}}.resolved({.num_updates = 4});
  CHECK(after_fixed(1.0, 1) == 0.25);
}

using Grouped = decltype(Warmup{.updates = 2, .after = hone::PerGroup{ConstantLr{}, CosineLr{}}});
static_assert(hone::GroupSchedule<Grouped> && !hone::Schedule<Grouped> && hone::ResolvableSchedule<Grouped>);

TEST_CASE("Warmup of a schedule of several groups is the warm-up of each") {
  const hone::RunLength length{.num_updates = 12};
  const auto both = Warmup{.updates = 4, .after = hone::PerGroup{ConstantLr{}, CosineLr{}}}.resolved(length);
  const auto constant = Warmup{.updates = 4, .after = ConstantLr{}}.resolved(length);
  const auto cosine = Warmup{.updates = 4, .after = CosineLr{}}.resolved(length);
  for (std::int64_t n = 0; n < 14; ++n) {
    CHECK(both(0.1, n, 0) == constant(0.1, n));
    CHECK(both(0.1, n, 1) == cosine(0.1, n));
  }
}

TEST_CASE("Warmup throws std::invalid_argument if it is as long as the run") {
  try {
    static_cast<void>(Warmup{.updates = 10}.resolved({.num_updates = 10}));
    FAIL("nothing is left");
  } catch (const std::invalid_argument& error) {
    CHECK(std::string(error.what()) ==
          "Warmup::updates (10) leaves nothing of the run's 10 updates. Shorten it, or train for longer.");
  }
}

TEST_CASE("Warmup checks its settings and the settings of the schedule after it") {
  CHECK_THROWS_AS(Warmup{.updates = -1}.resolved({}), std::invalid_argument);
  CHECK_THROWS_AS((Warmup{.updates = 1, .start_factor = 1.5}.resolved({})), std::invalid_argument);
  CHECK_THROWS_AS((Warmup{.updates = 1, .start_lr = -0.1}.resolved({})), std::invalid_argument);
  CHECK_THROWS_AS((Warmup{.updates = 1, .after = StepLr{}}.resolved({})), std::invalid_argument);
  CHECK_THROWS_AS((Warmup{.updates = 1, .after = CosineLr{}}.resolved({})), std::invalid_argument);
}
