// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/limit_batches.hpp"

#include <string>
#include <type_traits>

#include "hone/callbacks/callback_set.hpp"
#include "support/catch.hpp"

using namespace hone;

namespace {

static_assert(std::is_aggregate_v<LimitBatches>);
static_assert(LimitsBatches<LimitBatches> && checked_callback<LimitBatches>);

std::string refusal(const LimitBatches& limits) {
  try {
    static_cast<void>(limits.batch_limit(Phase::train));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("LimitBatches::num_batches limits training and evaluation, not prediction") {
  const CallbackSet set{LimitBatches{.num_batches = 10}};
  CHECK(set.batch_limit(Phase::train) == 10);
  CHECK(set.batch_limit(Phase::eval) == 10);
  CHECK(set.batch_limit(Phase::evaluation) == 10);
  CHECK(set.batch_limit(Phase::predict) == std::nullopt);
}

TEST_CASE("num_eval_batches limits evaluations, with or without a limit of training") {
  const LimitBatches both{.num_batches = 10, .num_eval_batches = 3};
  CHECK(both.batch_limit(Phase::train) == 10);
  CHECK(both.batch_limit(Phase::eval) == 3);
  CHECK(both.batch_limit(Phase::evaluation) == 3);
  const LimitBatches eval_only{.num_eval_batches = 3};
  CHECK(eval_only.batch_limit(Phase::train) == std::nullopt);
  CHECK(eval_only.batch_limit(Phase::eval) == 3);
}

TEST_CASE("the smallest of several limits applies") {
  const CallbackSet set{LimitBatches{.num_batches = 10}, LimitBatches{.num_batches = 4}, LimitBatches{}};
  CHECK(set.batch_limit(Phase::train) == 4);
}

TEST_CASE("LimitBatches throws std::invalid_argument for a limit below 1") {
  CHECK(refusal({.num_batches = 0}) == "LimitBatches::num_batches is 0. Set it to 1 or greater.");
  CHECK(refusal({.num_eval_batches = -1}) == "LimitBatches::num_eval_batches is -1. Set it to 1 or greater.");
  CHECK(refusal({.num_batches = 1}) == "none");
}
