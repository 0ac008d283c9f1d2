// SPDX-License-Identifier: Apache-2.0
#include "hone/core/run_config.hpp"

#include "support/catch.hpp"

TEST_CASE("total batch sizes count all ranks and, in training, all batches of an update") {
  hone::RunConfig config;
  config.train_per_device_batch_size = 8;
  config.eval_per_device_batch_size = 16;
  config.num_batches_per_update = 4;
  config.num_processes = 2;
  config.process_index = 1;
  CHECK(config.train_total_batch_size() == 64);
  CHECK(config.eval_total_batch_size() == 32);
  CHECK(config.is_distributed());
  CHECK_FALSE(config.is_world_process_zero());
}

TEST_CASE("num_updates is the smaller of max_updates and the updates of all epochs") {
  hone::RunConfig config;
  config.num_epochs = 3;
  CHECK(config.num_updates() == std::nullopt);
  config.max_updates = 7;
  CHECK(config.num_updates() == 7);
  config.num_updates_per_epoch = 2;
  CHECK(config.num_updates() == 6);
  config.num_updates_per_epoch = 5;
  CHECK(config.num_updates() == 7);
}
