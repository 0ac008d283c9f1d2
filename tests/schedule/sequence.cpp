// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/sequence.hpp`.
#include "hone/schedule/sequence.hpp"

#include <concepts>
#include <cstdint>

#include "check_values.hpp"
#include "hone/schedule/constant.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/schedule/exponential.hpp"
#include "hone/schedule/linear.hpp"
#include "hone/schedule/per_group.hpp"
#include "hone/schedule/warmup.hpp"
#include "reference_values.hpp"

using hone::ConstantLr;
using hone::CosineLr;
using hone::ExponentialLr;
using hone::LinearLr;
using hone::Sequence;
using hone::Then;
namespace run = hone::run;

namespace {

using Three = decltype(Sequence{LinearLr{}, Then{4, ExponentialLr{}}, Then{10, CosineLr{}}});
static_assert(std::same_as<Three, Sequence<LinearLr, ExponentialLr, CosineLr>>);
static_assert(hone::ResolvableSchedule<Three> && std::same_as<Three::slot, hone::slots::Schedule>);
static_assert(Sequence{ConstantLr{}, Then{3, ConstantLr{.factor = 0.5}}}(1.0, 2) == 1.0);
static_assert(Sequence{ConstantLr{}, Then{3, ConstantLr{.factor = 0.5}}}(1.0, 3) == 0.5);

}  // namespace

TEST_CASE("Sequence matches PyTorch's SequentialLR") {
  const auto schedule = Sequence{LinearLr{.start_factor = 0.25}, Then{.at = 4, .schedule = ExponentialLr{.gamma = 0.9}},
                                 Then{.at = 10, .schedule = CosineLr{.total_updates = 8, .min_lr = 1e-3}}};
  check_values(schedule.resolved({}), 0.1, hone::reference::sequence);
}

TEST_CASE("Sequence resolves each schedule with the number of updates of its part") {
  const auto schedule = Sequence{LinearLr{}, Then{run::num_updates / 10, CosineLr{}},
                                 Then{run::num_updates / 2, LinearLr{.start_factor = 0.5, .end_factor = 0.0}}}
                            .resolved({.num_updates = 100});
  CHECK(schedule.first.total_updates.count() == 10);
  CHECK(std::get<0>(schedule.rest).schedule.total_updates.count() == 40);
  CHECK(std::get<1>(schedule.rest).schedule.total_updates.count() == 50);
  CHECK(schedule(1.0, 75) == 0.25);
}

TEST_CASE("if the length of the run is unknown, only the last schedule of a Sequence has an unknown length") {
  const auto schedule = Sequence{LinearLr{}, Then{10, ConstantLr{}}}.resolved({});
  CHECK(schedule.first.total_updates.count() == 10);
  CHECK(refuses("CosineLr::total_updates needs", Sequence{LinearLr{}, Then{10, CosineLr{}}}, {}));
}

using Grouped = decltype(Sequence{LinearLr{}, Then{4, hone::PerGroup{ConstantLr{}, CosineLr{}}}});
static_assert(hone::GroupSchedule<Grouped> && !hone::Schedule<Grouped> && hone::ResolvableSchedule<Grouped>);

TEST_CASE("a Sequence with a schedule of several groups is the sequence of each") {
  const hone::RunLength length{.num_updates = 12};
  const auto both = Sequence{LinearLr{}, Then{4, hone::PerGroup{ConstantLr{}, CosineLr{}}}}.resolved(length);
  const auto constant = Sequence{LinearLr{}, Then{4, ConstantLr{}}}.resolved(length);
  const auto cosine = Sequence{LinearLr{}, Then{4, CosineLr{}}}.resolved(length);
  for (std::int64_t n = 0; n < 14; ++n) {
    CHECK(both(0.1, n, 0) == constant(0.1, n));
    CHECK(both(0.1, n, 1) == cosine(0.1, n));
  }
}

TEST_CASE("a Sequence accepts lambdas with captures") {
  const double factor = 0.5;
  const auto halved = [factor](double base_lr, std::int64_t) { return base_lr * factor; };
  const auto schedule =
      Sequence{halved, Then{run::num_updates / 2, LinearLr{.start_factor = 1.0, .end_factor = 0.0}}}.resolved(
          {.num_updates = 8});
  CHECK(schedule(1.0, 3) == 0.5);
  CHECK(schedule(1.0, 4) == 1.0);
  CHECK(schedule(1.0, 6) == 0.5);
}

TEST_CASE("LinearLr before another schedule in a Sequence equals Warmup") {
  const hone::RunLength length{.num_updates = 50};
  const auto sequence = Sequence{LinearLr{}, Then{5, CosineLr{}}}.resolved(length);
  const auto warmup = hone::Warmup{.updates = 5, .after = CosineLr{}}.resolved(length);
  for (std::int64_t n = 0; n < 60; ++n) CHECK(sequence(0.1, n) == Approx(warmup(0.1, n)).epsilon(1e-12).margin(0));
}

TEST_CASE("Sequence throws std::invalid_argument for starts out of order or beyond the run") {
  CHECK(refusal(Sequence{ConstantLr{}, Then{5, ConstantLr{}}, Then{3, ConstantLr{}}}) ==
        "Sequence has a schedule that starts at update 3, but the schedule before it starts at 5. Put the starts in "
        "ascending order, the first greater than 0.");
  CHECK(refuses("Sequence has a schedule that starts at update 0", Sequence{ConstantLr{}, Then{0, ConstantLr{}}}));
  CHECK(refusal(Sequence{ConstantLr{}, Then{100, ConstantLr{}}}, {.num_updates = 100}) ==
        "Sequence: the last schedule starts at update 100, which leaves nothing of the run's 100 updates. Start it "
        "earlier, or train for longer.");
  CHECK(refuses("ConstantLr::factor is -1", Sequence{ConstantLr{}, Then{5, ConstantLr{.factor = -1.0}}}));
}
