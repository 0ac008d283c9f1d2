// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/wsd.hpp`.
#include "hone/schedule/wsd.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "check_values.hpp"
#include "reference_values.hpp"

using hone::WsdDecay;
using hone::WsdLr;
using hone::WsdPeriod;
namespace run = hone::run;
using Counts = std::vector<std::int64_t>;

namespace {

static_assert(hone::ResolvableSchedule<WsdLr> && std::same_as<WsdLr::slot, hone::slots::Schedule>);
static_assert(WsdLr{.total_updates = 100}(1.0, 50) == 1.0 && WsdLr{.total_updates = 100}(1.0, 0) == 1e-6);
static_assert(WsdLr{.total_updates = 100}.phase(50) == WsdPeriod{0, 100, 10, 90});

Counts checkpoints(std::int64_t total_updates, int num_checkpoints) {
  return WsdLr{.total_updates = total_updates, .num_checkpoints = num_checkpoints}.resolved({}).checkpoint_updates();
}

}  // namespace

TEST_CASE("WsdLr matches pytorch-accelerated's WSDLrScheduler") {
  check_values(WsdLr{.total_updates = 100, .warmup_updates = 0, .min_lr_ratio = 0.1}.resolved({}), 1.0,
               hone::reference::wsd_sqrt);
  check_values(
      WsdLr{.total_updates = 100, .warmup_updates = 0, .min_lr_ratio = 0.1, .decay = WsdDecay::inverse}.resolved({}),
      1.0, hone::reference::wsd_inverse);
  check_values(
      WsdLr{.warmup_start_lr = 1e-3, .min_lr_ratio = 0.05, .num_checkpoints = 3}.resolved({.num_updates = 200}), 0.02,
      hone::reference::wsd_three_checkpoints);
  check_values(WsdLr{.total_updates = 20, .warmup_updates = 20, .min_lr_ratio = 0.1}.resolved({}), 0.1,
               hone::reference::wsd_all_warmup);
}

TEST_CASE("WsdLr matches the values of its specification") {
  const auto near = [](double value) { return Approx(value).epsilon(1e-7); };
  const auto root = WsdLr{.total_updates = 100, .warmup_updates = 0, .min_lr_ratio = 0.1}.resolved({});
  for (int n = 0; n <= 90; ++n) CHECK(root(1.0, n) == 1.0);
  CHECK(root(1.0, 91) == near(.71539501));
  CHECK(root(1.0, 95) == near(.3636039));
  CHECK(root(1.0, 99) == near(.14618503));
  CHECK(root(1.0, 100) == .1);
  CHECK(root(1.0, 100'000) == .1);

  auto inverse = root;
  inverse.decay = WsdDecay::inverse;
  CHECK(inverse(1.0, 91) == near(.52631579));
  CHECK(inverse(1.0, 95) == near(.18181818));
  CHECK(inverse(1.0, 99) == near(.10989011));
  CHECK(inverse(1.0, 100) == .1);

  const auto three =
      WsdLr{.total_updates = 1000, .warmup_start_lr = .01, .min_lr_ratio = .1, .num_checkpoints = 3}.resolved({});
  CHECK(three(1.0, 0) == .01);
  CHECK(three(1.0, 5) == near(.505));
  CHECK(three(1.0, 9) == near(.901));
  CHECK(three(1.0, 10) == 1.0);
  CHECK(three(1.0, 951) == near(.87272078));
  CHECK(three(1.0, 999) == near(.10904546));
  CHECK(three(1.0, 1000) == .1);
}

TEST_CASE("unlike pytorch-accelerated, the second of two checkpoints is at the end of the run") {
  // In pytorch-accelerated, the checkpoints are at 1/4 and 1/2 of the run, whose second half has the minimum.
  const WsdLr settings{.warmup_updates = 0, .min_lr_ratio = .1, .num_checkpoints = 2};
  check_values(settings.resolved({.num_updates = 500}), 1.0, hone::reference::wsd_two_checkpoints);
  const auto schedule = settings.resolved({.num_updates = 1000});
  CHECK(schedule.checkpoint_updates() == Counts{500, 1000});
  CHECK(schedule(1.0, 499) < 0.2);
  CHECK(schedule(1.0, 500) == 1.0);
  CHECK(schedule(1.0, 950) == 1.0);
  CHECK(schedule(1.0, 999) < 0.2);
}

TEST_CASE("each checkpoint before the last is at half the updates of the next one") {
  CHECK(checkpoints(1000, 1) == Counts{1000});
  CHECK(checkpoints(1000, 2) == Counts{500, 1000});
  CHECK(checkpoints(1000, 3) == Counts{250, 500, 1000});
  CHECK(checkpoints(1001, 3) == Counts{250, 500, 1001});
  CHECK(checkpoints(1003, 4) == Counts{125, 250, 501, 1003});
  CHECK(checkpoints(100, 5) == Counts{6, 12, 25, 50, 100});
  CHECK(checkpoints(4, 3) == Counts{1, 2, 4});
}

TEST_CASE("decay_info returns contiguous periods, each with its decay at the end") {
  CHECK(WsdLr{.total_updates = 100}.decay_info() == std::vector<WsdPeriod>{{0, 100, 10, 90}});
  const auto periods = WsdLr{.total_updates = 1000, .num_checkpoints = 3}.decay_info();
  CHECK(periods == std::vector<WsdPeriod>{{0, 250, 25, 225}, {250, 500, 25, 475}, {500, 1000, 50, 950}});
  CHECK(WsdLr{.total_updates = 200, .num_checkpoints = 2}.decay_info() ==
        std::vector<WsdPeriod>{{0, 100, 10, 90}, {100, 200, 10, 190}});
}

TEST_CASE("phase returns the first period that ends at or after the update") {
  const auto schedule = WsdLr{.num_checkpoints = 3}.resolved({.num_updates = 1000});
  const auto periods = schedule.decay_info();
  for (const auto& period : periods) {
    CHECK(schedule.phase(period.period_start + 1) == period);
    CHECK(schedule.phase((period.period_start + period.period_end) / 2) == period);
    CHECK(schedule.phase(period.pre_decay_update) == period);
    CHECK(schedule.phase(period.period_end) == period);
  }
  CHECK(schedule.phase(0) == periods.front());
  CHECK(schedule.phase(5000) == periods.back());
}

TEST_CASE("the rate decreases with each update of a decay and returns to base_lr in the next period") {
  for (const auto decay : {WsdDecay::sqrt, WsdDecay::inverse}) {
    const auto schedule = WsdLr{.warmup_updates = 0, .min_lr_ratio = .1, .decay = decay, .num_checkpoints = 3}.resolved(
        {.num_updates = 800});
    for (const auto& period : schedule.decay_info()) {
      CHECK(schedule(0.5, period.period_start) == 0.5);
      CHECK(schedule(0.5, period.pre_decay_update - 1) == 0.5);
      CHECK(schedule(0.5, period.pre_decay_update) == 0.5);
      for (auto n = period.pre_decay_update; n + 1 < period.period_end; ++n) {
        CHECK(schedule(0.5, n + 1) < schedule(0.5, n));
        CHECK(schedule(0.5, n + 1) > 0.05);
      }
    }
  }
}

TEST_CASE("the minimum of WsdLr is min_lr_ratio times the base_lr of each group") {
  for (const double base_lr : {0.1, 0.01, 1.0}) {
    for (const double ratio : {0.0, 0.01, 0.5}) {
      const auto schedule = WsdLr{.warmup_updates = 0, .min_lr_ratio = ratio}.resolved({.num_updates = 300});
      for (int n = 0; n < 310; ++n) CHECK(schedule(base_lr, n) >= ratio * base_lr);
      CHECK(schedule(base_lr, 300) == ratio * base_lr);
    }
  }
}

TEST_CASE("the warm-up of WsdLr is 1 % of the run by default, and may start from a ratio") {
  CHECK(WsdLr{}.resolved({.num_updates = 1000}).warmup_updates->count() == 10);
  CHECK(WsdLr{.total_updates = 700}.resolved({}).warmup_updates->count() == 7);
  CHECK(WsdLr{}.resolved({.num_updates = 99}).warmup_updates->count() == 0);
  const auto epochs = WsdLr{.warmup_updates = 2 * run::num_updates_per_epoch, .warmup_start_ratio = 0.5}.resolved(
      {.num_updates = 100, .num_updates_per_epoch = 10});
  CHECK(epochs(0.2, 0) == 0.1);
  CHECK(epochs(0.2, 10) == Approx(0.15).epsilon(1e-12));
  CHECK(epochs(0.2, 20) == 0.2);
}

TEST_CASE("WsdLr with is_continuation has no warm-up") {
  const WsdLr settings{.warmup_updates = 20, .min_lr_ratio = .1, .is_continuation = true};
  const auto schedule = settings.resolved({.num_updates = 50});
  check_values(schedule, 0.1, hone::reference::wsd_continuation);
  for (int n = 0; n <= 45; ++n) CHECK(schedule(0.1, n) == 0.1);
  CHECK(schedule(0.1, 46) < 0.1);
  CHECK(schedule(0.1, 50) == Approx(0.01).epsilon(1e-12));
}

TEST_CASE("a run that stopped before its decay can continue with more total_updates at the same rate") {
  const WsdLr settings{.min_lr_ratio = .1};
  const auto shorter = settings.resolved({.num_updates = 1000}), longer = settings.resolved({.num_updates = 2000});
  const auto stopped = shorter.phase(900).pre_decay_update;
  CHECK(stopped == 900);
  for (auto n = stopped; n <= 1800; ++n) CHECK(longer(0.1, n) == 0.1);
  CHECK(longer(0.1, 1999) < 0.02);
}

TEST_CASE("WsdLr does not divide by zero if a decay has no updates") {
  const auto without = WsdLr{.warmup_updates = 0, .decay_phase_ratio = 0.0}.resolved({.num_updates = 10});
  for (int n = 0; n < 20; ++n) CHECK(without(0.1, n) == 0.1);
  const auto brief = WsdLr{.warmup_updates = 0, .num_checkpoints = 2}.resolved({.num_updates = 4});
  for (int n = 0; n < 8; ++n) CHECK(brief(0.1, n) == 0.1);
  const auto all =
      WsdLr{.warmup_updates = 0, .decay_phase_ratio = 1.0, .min_lr_ratio = 0.0}.resolved({.num_updates = 4});
  CHECK(all(0.1, 0) == 0.1);
  CHECK(all(0.1, 1) == Approx(0.05).epsilon(1e-12));
  CHECK(all(0.1, 4) == 0.0);
}

TEST_CASE("the updates of a decay are exact if decay_phase_ratio has a rounding error") {
  CHECK(WsdLr{.total_updates = 100, .decay_phase_ratio = 0.29}.phase(0).decay_updates == 29);
}

TEST_CASE("WsdLr throws std::invalid_argument that names a setting out of range") {
  CHECK(refuses("WsdLr::total_updates is 0", WsdLr{.total_updates = 0}));
  CHECK(refuses("WsdLr::total_updates needs", WsdLr{}, {}));
  CHECK(refuses("WsdLr::warmup_updates is -1", WsdLr{.warmup_updates = -1}));
  CHECK(refuses("WsdLr::warmup_start_lr is -1", WsdLr{.warmup_start_lr = -1.0}));
  CHECK(refuses("WsdLr::warmup_start_ratio is 1.5", WsdLr{.warmup_start_ratio = 1.5}));
  CHECK(refuses("WsdLr::decay_phase_ratio is 1.5", WsdLr{.decay_phase_ratio = 1.5}));
  CHECK(refuses("WsdLr::min_lr_ratio is -0.1", WsdLr{.min_lr_ratio = -0.1}));
  CHECK(refuses("WsdLr::num_checkpoints is 0", WsdLr{.num_checkpoints = 0}));
  CHECK(refusal(WsdLr{.warmup_updates = 101}, {.num_updates = 100}) ==
        "WsdLr::warmup_updates (101) is more than total_updates (100). Shorten it, or train for longer.");
  CHECK(refusal(WsdLr{.num_checkpoints = 3}, {.num_updates = 3}) ==
        "WsdLr::num_checkpoints (3) is too many for total_updates (3), which each checkpoint halves. Reduce it, or "
        "train for longer.");
  CHECK(refuses("WsdLr::num_checkpoints (100)", WsdLr{.num_checkpoints = 100}));
  CHECK(refusal(WsdLr{.min_lr_ratio = 0.0, .decay = WsdDecay::inverse}, {.num_updates = 100}) ==
        "WsdLr::min_lr_ratio is 0. The inverse decay never reaches 0: set it to a number greater than 0, or use "
        "WsdDecay::sqrt.");
  CHECK(refuses("WsdLr::decay_phase_ratio is 0.5. With several checkpoints",
                WsdLr{.decay_phase_ratio = 0.5, .num_checkpoints = 2}));
  CHECK(refusal(WsdLr{.decay_phase_ratio = 0.5}, {.num_updates = 100}) == "");
}
