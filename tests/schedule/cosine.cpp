// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/cosine.hpp`.
#include "hone/schedule/cosine.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>

#include "support/catch.hpp"

using hone::CosineLr;
namespace run = hone::run;

namespace {

static_assert(hone::ResolvableSchedule<CosineLr> && std::same_as<CosineLr::slot, hone::slots::Schedule>);

// The linear parts are constant expressions; std::cos is not one before C++26.
constexpr CosineLr straight = CosineLr{.warmup_updates = run::num_updates_per_epoch,
                                       .cooldown_updates = run::num_updates / 10,
                                       .min_lr = 0.25,
                                       .warmup_start_lr = 0.0}
                                  .resolved({.num_updates = 40, .num_updates_per_epoch = 4, .num_epochs = 10});
static_assert(straight.total_updates.count() == 40 && straight.cooldown_updates.count() == 4);
static_assert(straight(1.0, 0) == 0.0 && straight(1.0, 1) == 0.25 && straight(1.0, 3) == 0.75);
static_assert(straight(1.0, 36) == 0.25 && straight(1.0, 39) == 0.25 && straight(1.0, 1'000'000) == 0.25);

template <std::size_t N>
void check_values(const CosineLr& schedule, double base_lr, const std::array<double, N>& expected, double epsilon) {
  for (std::size_t n = 0; n < N; ++n) {
    CAPTURE(n);
    CHECK(schedule(base_lr, static_cast<std::int64_t>(n)) == Approx(expected[n]).epsilon(epsilon).margin(1e-18));
  }
}

std::string message_of(const CosineLr& schedule, const hone::RunLength& length = {}) {
  try {
    static_cast<void>(schedule.resolved(length));
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

// 10 epochs of 10 updates: 2 epochs of warm-up, 6 of cosine, 2 of cool-down.
const CosineLr two_and_two = CosineLr{.warmup_updates = 2 * run::num_updates_per_epoch,
                                      .cooldown_updates = 2 * run::num_updates_per_epoch,
                                      .min_lr = 1e-6,
                                      .warmup_start_lr = 1e-6}
                                 .resolved({.num_updates = 100, .num_updates_per_epoch = 10, .num_epochs = 10});

}  // namespace

TEST_CASE("CosineLr matches PyTorch's CosineAnnealingLR") {
  // torch 2.11: SGD(lr=0.01), CosineAnnealingLR(T_max=10, eta_min=1e-4)
  check_values(CosineLr{.total_updates = 10, .min_lr = 1e-4}.resolved({}), 0.01,
               std::array{0.01, 0.009757729755661011, 0.009054634122155989, 0.007959536998847742, 0.00657963412215599,
                          0.005050000000000001, 0.0035203658778440107, 0.0021404630011522584, 0.0010453658778440107,
                          0.00034227024433899, 0.0001},
               1e-12);
  // torch 2.11: SGD(lr=0.2), CosineAnnealingLR(T_max=7, eta_min=1e-3)
  check_values(CosineLr{.total_updates = 7, .min_lr = 1e-3}.resolved({}), 0.2,
               std::array{0.2, 0.1901464023562907, 0.162537235284944, 0.12264083292865328, 0.07835916707134673,
                          0.03846276471505602, 0.010853597643709304, 0.001},
               1e-12);
}

TEST_CASE("CosineLr matches pytorch-accelerated's cosine scheduler") {
  check_values(CosineLr{.total_updates = 10, .min_lr = 1e-4}.resolved({}), 0.01,
               std::array{.01, .0097577298, .0090546341, .007959537, .0065796341, .00505, .0035203659, .002140463,
                          .0010453659, .00034227024, .0001, .0001},
               1e-7);
}

TEST_CASE("k_decay matches pytorch-accelerated's") {
  check_values(CosineLr{.total_updates = 10, .min_lr = 0, .k_decay = 2}.resolved({}), 0.01,
               std::array{.01, .0099975328, .0099605735, .0098014684, .0093815334, .0085355339, .0071288965,
                          .0051570538, .0028711035, .00086459713, 0.0},
               1e-7);
  check_values(CosineLr{.total_updates = 10, .min_lr = 0, .k_decay = 0.5}.resolved({}), 0.01,
               std::array{.01, .0077289746, .0058253717, .0042531809, .0029789209, .0019715007, .0012020878,
                          .00064398215, .00027249536, 6.4836027e-05, 0.0},
               1e-7);
}

TEST_CASE("CosineLr with a warm-up matches pytorch-accelerated until its curve ends early") {
  const auto near = [](double value) { return Approx(value).epsilon(1e-7); };
  CHECK(two_and_two(0.01, 0) == 1e-6);
  CHECK(two_and_two(0.01, 1) == near(.00050095));
  CHECK(two_and_two(0.01, 19) == near(.00950005));
  CHECK(two_and_two(0.01, 20) == 0.01);
  CHECK(two_and_two(0.01, 21) == near(.0099931484));
  CHECK(two_and_two(0.01, 30) == near(.009330194));
  CHECK(two_and_two(0.01, 40) == near(.00750025));
  CHECK(two_and_two(0.01, 58) == near(.0029670202));
  CHECK(two_and_two(0.01, 59) == near(.0027307745));
  CHECK(two_and_two(0.01, 99) == 1e-6);
}

TEST_CASE("unlike pytorch-accelerated, a cosine after a warm-up reaches its minimum without a jump") {
  // In pytorch-accelerated, update 60 and all later ones have 1e-6: the curve ends early by the length of the warm-up.
  // In hone, x = 40/60 at update 60, cos(2 pi / 3) = -1/2, and a quarter of the range remains.
  CHECK(two_and_two(0.01, 60) == Approx(1e-6 + (0.01 - 1e-6) / 4).epsilon(1e-12));
  for (std::int64_t n = 20; n < 80; ++n) {
    CHECK(two_and_two(0.01, n) > two_and_two(0.01, n + 1));
    CHECK(two_and_two(0.01, n) - two_and_two(0.01, n + 1) < 3e-4);  // no jump: pi/2 * 0.01 / 60 at most
  }
  for (std::int64_t n = 80; n < 200; ++n) CHECK(two_and_two(0.01, n) == 1e-6);
}

TEST_CASE("unlike pytorch-accelerated, a warm-up from a ratio never exceeds base_lr") {
  // In pytorch-accelerated, update 18 has 0.0139991 and update 19 has 0.01449905.
  const auto schedule = CosineLr{.total_updates = 100, .warmup_updates = 20, .warmup_start_ratio = 0.5}.resolved({});
  CHECK(schedule(0.01, 0) == 0.005);
  CHECK(schedule(0.01, 18) == Approx(0.0095).epsilon(1e-12));
  CHECK(schedule(0.01, 19) == Approx(0.00975).epsilon(1e-12));
  CHECK(schedule(0.01, 20) == 0.01);
}

TEST_CASE("CosineLr scales with the base_lr of each parameter group") {
  const auto schedule = CosineLr{.total_updates = 10, .min_lr_ratio = 0.1, .warmup_start_ratio = 0.5}.resolved({});
  for (const double base_lr : {0.01, 0.02}) {
    CHECK(schedule(base_lr, 0) == base_lr);
    CHECK(schedule(base_lr, 10) == 0.1 * base_lr);
  }
}

TEST_CASE("CosineLr is stateless: updates may be evaluated in any order") {
  const double late = two_and_two(0.01, 70);
  CHECK(two_and_two(0.01, 3) < two_and_two(0.01, 4));
  CHECK(two_and_two(0.01, 70) == late);
}

TEST_CASE("CosineLr throws std::invalid_argument if warm-up and cool-down fill total_updates") {
  CHECK(message_of({.total_updates = 100, .warmup_updates = 60, .cooldown_updates = 40}) ==
        "CosineLr: warmup_updates (60) and cooldown_updates (40) leave nothing of total_updates (100). "
        "Shorten them, or train for longer.");
  CHECK(message_of({.warmup_updates = 10}, {.num_updates = 10}) != "");
  CHECK(message_of({.total_updates = 100, .warmup_updates = 60, .cooldown_updates = 39}) == "");
}

TEST_CASE("CosineLr throws std::invalid_argument that names a setting out of range") {
  const auto names = [](const char* field, const CosineLr& schedule) {
    const auto message = message_of(schedule, {.num_updates = 100});
    CAPTURE(message);
    return message.rfind(std::string("CosineLr::") + field + " is ", 0) == 0;
  };
  CHECK(names("total_updates", {.total_updates = 0}));
  CHECK(names("warmup_updates", {.warmup_updates = -1}));
  CHECK(names("cooldown_updates", {.cooldown_updates = -1}));
  CHECK(names("min_lr", {.min_lr = -1e-6}));
  CHECK(names("min_lr_ratio", {.min_lr_ratio = 1.5}));
  CHECK(names("warmup_start_lr", {.warmup_start_lr = -1.0}));
  CHECK(names("warmup_start_ratio", {.warmup_start_ratio = -0.5}));
  CHECK(names("k_decay", {.k_decay = 0.0}));
}

TEST_CASE("CosineLr requires total_updates if the length of the run is unknown") {
  CHECK(message_of({}) ==
        "CosineLr::total_updates needs the run's num_updates, which is unknown: the loader has no length. Set "
        "CosineLr::total_updates to a number, or limit the run.");
  CHECK(message_of({.total_updates = 100}) == "");
  CHECK_THROWS_AS(CosineLr{}(0.1, 0), std::invalid_argument);
}
