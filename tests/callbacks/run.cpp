// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/run.hpp"

#include "support/catch.hpp"
#include "support/run_driver.hpp"

TEST_CASE("the first stop reason is kept") {
  hone::Run run;
  CHECK_FALSE(run.stop_requested());
  CHECK(run.stop_reason().empty());
  run.request_stop("first");
  run.request_stop("second");
  run.request_stop_before_update("third");
  CHECK(run.stop_requested());
  CHECK(run.stop_reason() == "first");
}

TEST_CASE("a stop takes effect only when min_num_epochs and min_updates are reached") {
  hone::RunDriver driver;
  driver.config().min_num_epochs = 2;
  driver.config().min_updates = 5;
  driver.run.request_stop("first");
  driver.run.request_stop("second");
  CHECK_FALSE(driver.run.stop_requested());
  CHECK(driver.run.stop_reason() == "first");
  driver.set_num_epochs(2);
  CHECK_FALSE(driver.run.stop_requested());
  driver.set_num_updates(5);
  CHECK(driver.run.stop_requested());
  driver.set_num_epochs(1);
  CHECK_FALSE(driver.run.stop_requested());
}

TEST_CASE("request_stop_before_update takes effect before the minima, and its reason replaces a deferred one") {
  hone::RunDriver driver;
  driver.config().min_num_epochs = 2;
  driver.run.request_stop("held");
  driver.run.request_stop_before_update("NaN");
  CHECK(driver.run.stop_requested());
  CHECK(driver.run.stop_reason() == "NaN");
  driver.run.request_stop("later");
  CHECK(driver.run.stop_reason() == "NaN");
  CHECK(driver.stops_before_update());
}

TEST_CASE("a new Run is in epoch 1, batch 0, on rank 0") {
  const hone::Run run;
  CHECK(run.epoch() == 1);
  CHECK(run.batch() == 0);
  CHECK(run.num_updates() == 0);
  CHECK(run.num_batches() == std::nullopt);
  CHECK(run.is_world_process_zero());
}
