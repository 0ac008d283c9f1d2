// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/cyclic_cosine.hpp`.
#include "hone/schedule/cyclic_cosine.hpp"

#include <concepts>
#include <cstdint>

#include "check_values.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/schedule/warmup.hpp"
#include "reference_values.hpp"

using hone::CyclicCosineLr;

static_assert(hone::ResolvableSchedule<CyclicCosineLr> && std::same_as<CyclicCosineLr::slot, hone::slots::Schedule>);

TEST_CASE("CyclicCosineLr matches timm's CosineLRScheduler") {
  check_values(CyclicCosineLr{.cycle_updates = 10, .cycle_decay = 0.5, .cycle_limit = 3, .min_lr = 1e-3}.resolved({}),
               0.1, hone::reference::timm_cycles);
  check_values(CyclicCosineLr{.cycle_updates = 5, .cycle_mul = 2.0, .cycle_decay = 0.7, .cycle_limit = 3}.resolved({}),
               0.1, hone::reference::timm_growing_cycles);
  check_values(
      CyclicCosineLr{.cycle_updates = 7, .cycle_mul = 1.5, .cycle_limit = 2, .min_lr = 1e-3, .k_decay = 1.5}.resolved(
          {}),
      0.1, hone::reference::timm_bent_cycles);
}

TEST_CASE("Warmup before CyclicCosineLr matches timm's warmup_prefix") {
  const hone::Warmup schedule{.updates = 5,
                              .start_lr = 1e-4,
                              .after = CyclicCosineLr{.cycle_updates = 8, .cycle_decay = 0.5, .cycle_limit = 2}};
  check_values(schedule.resolved({}), 0.1, hone::reference::timm_cycles_after_warmup);
}

TEST_CASE("CyclicCosineLr with a high cycle_limit matches PyTorch's CosineAnnealingWarmRestarts") {
  check_values(
      CyclicCosineLr{.cycle_updates = 5, .cycle_mul = 2.0, .cycle_limit = 1'000'000, .min_lr = 1e-3}.resolved({}), 0.1,
      hone::reference::warm_restarts);
}

TEST_CASE("CyclicCosineLr with its defaults is CosineLr over the run") {
  const auto cycle = CyclicCosineLr{.min_lr = 1e-6}.resolved({.num_updates = 50});
  const auto cosine = hone::CosineLr{}.resolved({.num_updates = 50});
  for (std::int64_t n = 0; n < 60; ++n) CHECK(cycle(0.1, n) == cosine(0.1, n));
}

TEST_CASE("growing cycles restart at exact updates despite rounding of the logarithm") {
  // In floating point, floor(log(243, 3)) is 4.
  const CyclicCosineLr schedule{.cycle_updates = 2, .cycle_mul = 3.0, .cycle_limit = 10};
  for (const std::int64_t start : {0, 2, 8, 26, 80, 242, 728}) CHECK(schedule(0.1, start) == 0.1);
}

TEST_CASE("CyclicCosineLr takes constant time for an update after many cycles") {
  const CyclicCosineLr endless{.cycle_updates = 1, .cycle_limit = INT64_MAX};
  CHECK(endless(0.1, 1'000'000'000'000) == 0.1);
}

TEST_CASE("CyclicCosineLr throws std::invalid_argument that names a setting out of range") {
  CHECK(refuses("CyclicCosineLr::cycle_updates is 0", CyclicCosineLr{.cycle_updates = 0}));
  CHECK(refuses("CyclicCosineLr::cycle_mul is 0.5", CyclicCosineLr{.cycle_mul = 0.5}));
  CHECK(refuses("CyclicCosineLr::cycle_decay is 1.5", CyclicCosineLr{.cycle_decay = 1.5}));
  CHECK(refuses("CyclicCosineLr::cycle_limit is 0", CyclicCosineLr{.cycle_limit = 0}));
  CHECK(refuses("CyclicCosineLr::min_lr is -1", CyclicCosineLr{.min_lr = -1.0}));
  CHECK(refuses("CyclicCosineLr::min_lr_ratio is 2", CyclicCosineLr{.min_lr_ratio = 2.0}));
  CHECK(refuses("CyclicCosineLr::k_decay is 0", CyclicCosineLr{.k_decay = 0.0}));
}
