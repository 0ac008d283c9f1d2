// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/limit_eval_batches.hpp"

#include <type_traits>

#include "hone/callbacks/callback_set.hpp"
#include "support/catch.hpp"

using namespace hone;

static_assert(std::is_aggregate_v<LimitEvalBatches> && checked_callback<LimitEvalBatches>);

TEST_CASE("LimitEvalBatches limits intermediate evaluations, and all evaluations if intermediate_only is false") {
  const LimitEvalBatches within{.num_batches = 3};
  CHECK(within.batch_limit(Phase::intermediate_eval) == 3);
  CHECK(within.batch_limit(Phase::eval) == std::nullopt);
  CHECK(within.batch_limit(Phase::evaluation) == std::nullopt);
  const LimitEvalBatches all{.num_batches = 3, .intermediate_only = false};
  CHECK(all.batch_limit(Phase::intermediate_eval) == 3);
  CHECK(all.batch_limit(Phase::eval) == 3);
  CHECK(all.batch_limit(Phase::evaluation) == 3);
  for (const auto& limit : {within, all}) {
    CHECK(limit.batch_limit(Phase::train) == std::nullopt);
    CHECK(limit.batch_limit(Phase::predict) == std::nullopt);
  }
}

TEST_CASE("LimitEvalBatches throws std::invalid_argument for a limit of 0") {
  try {
    static_cast<void>(LimitEvalBatches{.num_batches = 0}.batch_limit(Phase::train));
    FAIL("accepted");
  } catch (const std::invalid_argument& error) {
    CHECK(std::string(error.what()) == "LimitEvalBatches::num_batches is 0. Set it to 1 or greater.");
  }
}
