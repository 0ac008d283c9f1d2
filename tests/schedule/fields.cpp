// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/fields.hpp`.
#include "hone/schedule/fields.hpp"

#include <concepts>
#include <string_view>

#include "hone/schedule/constant.hpp"
#include "hone/schedule/cosine.hpp"
#include "support/catch.hpp"

namespace fields = hone::fields;

namespace {

struct Settings {
  double lr = 0.1, momentum = 0.2, dampening = 0.3, weight_decay = 0.4, beta1 = 0.5, beta2 = 0.6, eps = 0.7;
};

using Scheduled = decltype(fields::momentum = hone::CosineLr{});
static_assert(std::same_as<Scheduled, hone::ScheduleOf<fields::Momentum, hone::CosineLr>>);
static_assert(std::same_as<Scheduled::slot, hone::slots::Schedule> && hone::ResolvableSchedule<Scheduled>);
static_assert((fields::lr = hone::ConstantLr{.factor = 0.5}).schedule.factor == 0.5);
static_assert(fields::Lr::name == "lr" && fields::WeightDecay::name == "weight_decay");

}  // namespace

TEST_CASE("each field refers to the setting of its name") {
  Settings settings;
  CHECK(fields::Lr::of(settings) == 0.1);
  CHECK(fields::Momentum::of(settings) == 0.2);
  CHECK(fields::Dampening::of(settings) == 0.3);
  CHECK(fields::WeightDecay::of(settings) == 0.4);
  CHECK(fields::Beta1::of(settings) == 0.5);
  CHECK(fields::Beta2::of(settings) == 0.6);
  CHECK(fields::Eps::of(settings) == 0.7);
  fields::Momentum::of(settings) = 0.9;
  CHECK(settings.momentum == 0.9);
}

TEST_CASE("resolved passes the length of the run to the schedule of a field") {
  const auto schedule = (fields::weight_decay = hone::CosineLr{}).resolved({.num_updates = 30});
  CHECK(schedule.schedule.total_updates.count() == 30);
  CHECK_THROWS_AS((fields::weight_decay = hone::CosineLr{}).resolved({}), std::invalid_argument);
}
