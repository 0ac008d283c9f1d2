// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/stateful.hpp`.
#include "hone/schedule/stateful.hpp"

#include <cstdint>
#include <stdexcept>
#include <type_traits>

#include "hone/schedule/cosine.hpp"
#include "hone/schedule/per_group.hpp"
#include "hone/schedule/wsd.hpp"
#include "support/catch.hpp"

using hone::CosineLr;
using hone::ScheduleState;
using hone::Stateful;

static_assert(std::is_trivially_copyable_v<ScheduleState> && std::is_aggregate_v<ScheduleState>);

TEST_CASE("the first step of Stateful is for update 0, the second for update 1") {
  const auto cosine = CosineLr{}.resolved({.num_updates = 100});
  Stateful schedule{CosineLr{}, {.num_updates = 100}};
  CHECK(schedule.state().num_updates == -1);
  CHECK(schedule.value(0.1) == cosine(0.1, 0));
  for (std::int64_t n = 0; n < 120; ++n) {
    schedule.step();
    CHECK(schedule.state().num_updates == n);
    CHECK(schedule.value(0.1) == cosine(0.1, n));
    CHECK(schedule.value(0.2) == cosine(0.2, n));
  }
}

TEST_CASE("a Stateful that loads a state continues from it") {
  Stateful first{hone::WsdLr{.min_lr_ratio = 0.1, .num_checkpoints = 3}, {.num_updates = 100}};
  for (int i = 0; i < 50; ++i) first.step();
  CHECK(first.state().num_updates == 49);

  Stateful second{hone::WsdLr{.min_lr_ratio = 0.1, .num_checkpoints = 3}, {.num_updates = 100}};
  second.load_state(first.state());
  CHECK(second.state() == first.state());
  for (int i = 0; i < 60; ++i) {
    first.step();
    second.step();
    CHECK(second.value(0.1) == first.value(0.1));
  }
}

TEST_CASE("Stateful accepts a schedule for each group") {
  Stateful schedule{hone::PerGroup{hone::ConstantLr{}, hone::ConstantLr{.factor = 0.5}}};
  schedule.step();
  CHECK(schedule.value(0.2, 0) == 0.2);
  CHECK(schedule.value(0.2, 1) == 0.1);
}

TEST_CASE("Stateful throws std::invalid_argument for settings and states out of range") {
  CHECK_THROWS_AS(Stateful{CosineLr{}}, std::invalid_argument);
  CHECK_THROWS_AS((Stateful{CosineLr{.k_decay = 0.0}, {.num_updates = 10}}), std::invalid_argument);
  Stateful schedule{CosineLr{.total_updates = 10}};
  CHECK_THROWS_AS(schedule.load_state({.num_updates = -2}), std::invalid_argument);
  CHECK(schedule.state().num_updates == -1);
}
