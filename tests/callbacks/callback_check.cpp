// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/callback_check.hpp"

#include "support/catch.hpp"

namespace {

using namespace hone;
using detail::NearMissNames;

struct Fine {
  void on_train_step_end(const TrainStepEnd&) {}
};
struct Swapped {
  void on_train_epoch_strat(const TrainEpochStart&) {}
};
struct Omitted {
  void on_train_epch_start(const TrainEpochStart&) {}
};
struct FromElsewhere {
  void on_train_batch_end(const TrainStepEnd&) {}
};
struct Setup {
  int setup = 0;  // in any form
  void on_train_step_end(const TrainStepEnd&) {}
};
struct FinalWithState final {
  [[nodiscard]] int state_dict() const { return 1; }
  void on_train_step_end(const TrainStepEnd&) {}
};
struct SanityCheck {
  void on_sanity_check_end(const auto&) {}
};
struct Uncallable {
  void on_train_step_end(int) {}
};
struct Limit {
  std::optional<std::int64_t> batch_limit(Phase) const { return 3; }
};

static_assert(LimitsBatches<Limit> && !LimitsBatches<Fine>);

TEST_CASE("first_miss detects misspelled hooks, and first_uncallable hooks with the wrong parameter") {
  STATIC_REQUIRE(detail::first_miss<Swapped>() == detail::Miss::on_train_epoch_strat);
  STATIC_REQUIRE(detail::first_miss<Omitted>() == detail::Miss::on_train_epch_start);
  STATIC_REQUIRE(detail::first_miss<FromElsewhere>() == detail::Miss::on_train_batch_end);
  STATIC_REQUIRE(detail::first_miss<Setup>() == detail::Miss::setup);
  STATIC_REQUIRE(detail::first_miss<FinalWithState>() == detail::Miss::state_dict);
  STATIC_REQUIRE(detail::first_miss<SanityCheck>() == detail::Miss::on_sanity_check_end);
  STATIC_REQUIRE(detail::first_miss<Fine>() == detail::Miss::none);
  STATIC_REQUIRE(detail::first_uncallable<Uncallable>() == detail::Hook::on_train_step_end);
  STATIC_REQUIRE(detail::first_uncallable<Fine>() == detail::Hook::none);
}

TEST_CASE("a type with a hook or with batch_limit is a callback") {
  STATIC_REQUIRE(checked_callback<Fine>);
  STATIC_REQUIRE(checked_callback<Limit>);
}

}  // namespace
