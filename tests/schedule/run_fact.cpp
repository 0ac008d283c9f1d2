// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/run_fact.hpp`.
#include "hone/schedule/run_fact.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "support/catch.hpp"

using hone::RunLength;
using hone::Updates;
namespace run = hone::run;

namespace {

constexpr RunLength length{.num_updates = 60,
                           .num_updates_per_epoch = 12,
                           .num_epochs = 5,
                           .num_train_batches_per_epoch = 24,
                           .num_eval_batches_per_epoch = 7};

constexpr std::int64_t count(const Updates& updates, const RunLength& of = length) {
  return updates.resolved(of, "A::b").count();
}

static_assert(std::regular<Updates> && std::is_trivially_copyable_v<Updates>);
static_assert(std::convertible_to<int, Updates> && std::convertible_to<std::size_t, Updates>);
static_assert(!std::convertible_to<double, Updates> && !std::convertible_to<bool, Updates>);

static_assert(count(7) == 7);
static_assert(count(run::num_updates) == 60);
static_assert(count(run::num_updates_per_epoch) == 12);
static_assert(count(run::num_epochs) == 5);
static_assert(count(run::num_train_batches_per_epoch) == 24);
static_assert(count(run::num_eval_batches_per_epoch + 1) == 8);
static_assert(count(2 * run::num_updates_per_epoch) == 24 && count(run::num_updates_per_epoch * 2) == 24);
static_assert(count(run::num_epochs + 1) == 6 && count(1 + run::num_epochs) == 6);
static_assert(count(run::num_updates - 1) == 59 && count(100 - run::num_updates) == 40);
static_assert(count(run::num_updates * 2 + 1) == 121);
static_assert(count((run::num_updates - 2 * run::num_updates_per_epoch) / 2 + run::num_epochs) == 23);
static_assert(count(-run::num_epochs) == -5);

std::string message_of(const Updates& updates, const RunLength& of) {
  try {
    return std::to_string(updates.resolved(of, "CosineLr::warmup_updates").count());
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("resolved counts are rounded down") {
  CHECK(count(run::num_updates / 7) == 8);
  CHECK(count(0.99 * run::num_epochs) == 4);
  CHECK(count(run::num_epochs / -2) == -3);
  CHECK(count(0.05 * run::num_epochs) == 0);
}

TEST_CASE("a fraction of a count that is an integer except for a rounding error is that integer") {
  for (int percent = 0; percent <= 100; ++percent) {
    CHECK(count(percent / 100.0 * run::num_updates, {.num_updates = 1000}) == 10 * percent);
    CHECK(count(percent * run::num_updates / 100, {.num_updates = 700000}) == 7000 * percent);
  }
}

TEST_CASE("large counts are exact, and a result out of range throws std::invalid_argument") {
  const std::int64_t large = 4'000'000'000'000'001;
  CHECK(count(large) == large);
  CHECK(count(run::num_updates - 1, {.num_updates = large}) == large - 1);
  CHECK_THROWS_AS(count(run::num_updates * 1e30), std::invalid_argument);
}

TEST_CASE("an expression of run facts has no count until it is resolved") {
  CHECK(Updates(3).is_number());
  CHECK_FALSE(run::num_updates.is_number());
  CHECK_THROWS_AS(run::num_updates.count(), std::invalid_argument);
  CHECK(run::num_updates.resolved(length, "A::b") == Updates(60));
  CHECK((run::num_updates - run::num_updates + 4).count() == 4);
}

TEST_CASE("an unknown run fact throws std::invalid_argument that names the fact and the setting") {
  CHECK(message_of(run::num_updates_per_epoch * 2, {.num_updates = 50}) ==
        "CosineLr::warmup_updates needs the run's num_updates_per_epoch, which is unknown: the loader has no length. "
        "Set CosineLr::warmup_updates to a number.");
  CHECK(message_of(run::num_updates / 10, {}) ==
        "CosineLr::warmup_updates needs the run's num_updates, which is unknown: the loader has no length. Set "
        "CosineLr::warmup_updates to a number, or limit the run.");
  CHECK(message_of(run::num_eval_batches_per_epoch, {.num_updates = 50}) ==
        "CosineLr::warmup_updates needs the run's num_eval_batches_per_epoch, which is unknown: the run has no "
        "evaluation, or its loader has no length. Set CosineLr::warmup_updates to a number.");
  CHECK(message_of(100, {}) == "100");
  CHECK(message_of(run::num_updates + 3, {.num_updates = 0}) == "3");  // a count of 0 is known
}

TEST_CASE("Updates throws std::invalid_argument for a division by zero") {
  CHECK_THROWS_AS(run::num_updates / 0, std::invalid_argument);
  CHECK_THROWS_AS(run::num_updates / 0.0, std::invalid_argument);
}
