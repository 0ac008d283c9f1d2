// SPDX-License-Identifier: Apache-2.0
#include "hone/trainer/run_setup.hpp"

#include <chrono>

#include "support/catch.hpp"

using namespace hone;

static_assert(limited(10, std::nullopt) == 10);
static_assert(limited(10, 3) == 3);
static_assert(limited(3, 10) == 3);
static_assert(limited(std::nullopt, 3) == 3);
static_assert(limited(std::nullopt, std::nullopt) == std::nullopt);

TEST_CASE("training_config counts updates, including a short last window") {
  const TrainOptions options{.num_epochs = 3,
                             .per_device_batch_size = 4,
                             .max_updates = 100,
                             .min_num_epochs = 2,
                             .min_updates = 5,
                             .max_time = std::chrono::minutes(1),
                             .seed = 7};
  const auto config = training_config(options, 5, 2, /*accumulation_steps=*/2);
  CHECK(config.num_updates_per_epoch == 3);
  CHECK(config.num_updates() == 9);
  CHECK(config.num_eval_batches_per_epoch == 2);
  CHECK(config.seed == 7);
  CHECK(config.min_num_epochs == 2);
  CHECK(config.min_updates == 5);
  CHECK(config.max_time == std::chrono::seconds(60));
  CHECK(run_length(config) == RunLength{.num_updates = 9,
                                        .num_updates_per_epoch = 3,
                                        .num_epochs = 3,
                                        .num_train_batches_per_epoch = 5,
                                        .num_eval_batches_per_epoch = 2});
}

TEST_CASE("max_updates limits the run length of schedules") {
  const TrainOptions options{.num_epochs = 3, .max_updates = 4};
  CHECK(run_length(training_config(options, 5, std::nullopt, 2)).num_updates == 4);
}

TEST_CASE("without a number of batches, the run length has only the known counts") {
  const TrainOptions options{.num_epochs = 3};
  const auto config = training_config(options, std::nullopt, std::nullopt, 2);
  CHECK(config.num_updates() == std::nullopt);
  CHECK(run_length(config) == RunLength{.num_epochs = 3});
  CHECK(evaluation_config(std::nullopt).num_epochs == 1);
}

TEST_CASE("batch_limit returns the smallest limit") {
  using Options = TrainOptions;
  CHECK(batch_limit(Options{}, std::nullopt) == std::nullopt);
  CHECK(batch_limit(Options{}, 7) == 7);
  CHECK(batch_limit(Options{.fast_dev_run = 5}, std::nullopt) == 5);
  CHECK(batch_limit(Options{.fast_dev_run = 5}, 7) == 5);
  CHECK(batch_limit(Options{.overfit_batches = 9}, 7) == 7);
  CHECK(batch_limit(Options{.fast_dev_run = 5, .overfit_batches = 2}, std::nullopt) == 2);
  CHECK(training_config(Options{}, 7, 7, 1, 7).batch_limit == 7);
  CHECK(evaluation_config(7, 7).batch_limit == 7);
}

TEST_CASE("fast_dev_run gives one epoch without minima") {
  const TrainOptions options{.num_epochs = 8, .min_num_epochs = 3, .min_updates = 20, .fast_dev_run = 2};
  const auto config = training_config(options, 2, 2, 1);
  CHECK(config.fast_dev_run);
  CHECK(config.num_epochs == 1);
  CHECK(config.min_num_epochs == 0);
  CHECK(config.min_updates == 0);
  CHECK(config.num_updates() == 2);
  CHECK(!training_config(TrainOptions{}, 2, 2, 1).fast_dev_run);
  CHECK(training_config(TrainOptions{.num_epochs = 0, .fast_dev_run = 2}, 2, 2, 1).num_epochs == 0);
  CHECK(training_config(TrainOptions{.overfit_batches = 2}, 2, 2, 1).overfit_batches == 2);
}
