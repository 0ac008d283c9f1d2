// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/schedule.hpp`.
#include "hone/schedule/schedule.hpp"

#include <cstdint>

#include "support/catch.hpp"

namespace {

struct Plain {
  double operator()(double base_lr, std::int64_t update) const { return base_lr / static_cast<double>(update + 1); }
};
struct NeedsLength {
  hone::Updates end = hone::run::num_updates;
  double operator()(double base_lr, std::int64_t update) const { return update < end.count() ? base_lr : 0.0; }
  NeedsLength resolved(const hone::RunLength& length) const { return {end.resolved(length, "NeedsLength::end")}; }
};
struct Mutable {
  double operator()(double base_lr, std::int64_t) { return base_lr; }
};

constexpr auto lambda = [](double base_lr, std::int64_t) { return base_lr; };

static_assert(hone::Schedule<Plain> && !hone::ResolvableSchedule<Plain>);
static_assert(hone::Schedule<NeedsLength> && hone::ResolvableSchedule<NeedsLength>);
static_assert(hone::Schedule<decltype(lambda)>);
static_assert(!hone::Schedule<Mutable>, "a schedule has no state");
static_assert(!hone::Schedule<int>);

}  // namespace

TEST_CASE("resolve_schedule calls resolved with the length of the run") {
  const auto schedule = hone::resolve_schedule(NeedsLength{}, {.num_updates = 3});
  CHECK(schedule(0.1, 2) == 0.1);
  CHECK(schedule(0.1, 3) == 0.0);
  CHECK_THROWS_AS(hone::resolve_schedule(NeedsLength{}, {}), std::invalid_argument);
}

TEST_CASE("resolve_schedule returns a schedule without resolved unchanged") {
  CHECK(hone::resolve_schedule(Plain{}, {})(1.0, 3) == 0.25);
  CHECK(hone::resolve_schedule(lambda, {})(0.5, 3) == 0.5);
}
