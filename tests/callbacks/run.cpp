// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/run.hpp"

#include "support/catch.hpp"

TEST_CASE("the first reason for a stop stands") {
  hone::Run run;
  CHECK_FALSE(run.stop_requested());
  CHECK(run.stop_reason().empty());
  run.request_stop("first");
  run.request_stop("second");
  run.request_stop_before_update("third");
  CHECK(run.stop_requested());
  CHECK(run.stop_reason() == "first");
}

TEST_CASE("a new run stands at its beginning, in the first epoch, in the process that prints") {
  const hone::Run run;
  CHECK(run.epoch() == 1);
  CHECK(run.step() == 0);
  CHECK(run.num_updates() == 0);
  CHECK(run.num_batches() == std::nullopt);
  CHECK(run.is_world_process_zero());
}
