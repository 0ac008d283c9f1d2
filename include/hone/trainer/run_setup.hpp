// SPDX-License-Identifier: Apache-2.0
/// From options and the lengths of the loaders to the frozen facts of a run.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "hone/core/run_config.hpp"
#include "hone/schedule/run_fact.hpp"
#include "hone/trainer/run_options.hpp"

namespace hone {

/// The batches of an epoch under a callback's limit. Where the range has no length, the limit itself.
[[nodiscard]] constexpr std::optional<std::int64_t> limited(std::optional<std::int64_t> num_batches,
                                                            std::optional<std::int64_t> limit) {
  if (!num_batches || !limit) return num_batches ? num_batches : limit;
  return std::min(*num_batches, *limit);
}

/// The most batches that an epoch of training or of evaluation may have: what a run is told by its trial options, and
/// all runs by the environment.
[[nodiscard]] constexpr std::optional<std::int64_t> batch_limit(const TrainOptions& options,
                                                                std::optional<std::int64_t> of_environment) {
  const auto given = [](std::int64_t limit) { return limit > 0 ? std::optional(limit) : std::nullopt; };
  return limited(limited(of_environment, given(options.fast_dev_run)), given(options.overfit_batches));
}

/// The facts, without batch sizes, of a training run whose epochs have `train_batches` and `eval_batches`, none more
/// than `limit`.
[[nodiscard]] inline RunConfig training_config(const TrainOptions& options, std::optional<std::int64_t> train_batches,
                                               std::optional<std::int64_t> eval_batches,
                                               std::int64_t num_batches_per_update,
                                               std::optional<std::int64_t> limit = {}) {
  RunConfig config;
  config.fast_dev_run = options.fast_dev_run > 0;
  config.overfit_batches = options.overfit_batches;
  config.batch_limit = limit;
  config.num_epochs = config.fast_dev_run ? std::min(options.num_epochs, std::int64_t{1}) : options.num_epochs;
  config.num_train_batches_per_epoch = train_batches;
  config.num_eval_batches_per_epoch = eval_batches;
  if (train_batches)
    config.num_updates_per_epoch = (*train_batches + num_batches_per_update - 1) / num_batches_per_update;
  config.max_updates = options.max_updates;
  if (!config.fast_dev_run) {
    config.evaluate_every_n_epochs = options.evaluate_every_n_epochs;
    config.min_num_epochs = options.min_num_epochs;
    config.min_updates = options.min_updates;
  }
  config.max_time = options.max_time;
  config.seed = options.seed;
  return config;
}

/// The facts, without the batch size, of a run of `evaluate` or `predict` over `batches`, no more than `limit`.
[[nodiscard]] inline RunConfig evaluation_config(std::optional<std::int64_t> batches,
                                                 std::optional<std::int64_t> limit = {}) {
  RunConfig config;
  config.num_epochs = 1;
  config.num_eval_batches_per_epoch = batches;
  config.batch_limit = limit;
  return config;
}

/// The length of a run, for schedules.
[[nodiscard]] inline RunLength run_length(const RunConfig& config) {
  const bool is_unlimited = config.num_epochs == RunConfig::unlimited_epochs;
  return {.num_updates = config.num_updates(),
          .num_updates_per_epoch = config.num_updates_per_epoch,
          .num_epochs = is_unlimited ? std::nullopt : std::optional(config.num_epochs),
          .num_train_batches_per_epoch = config.num_train_batches_per_epoch,
          .num_eval_batches_per_epoch = config.num_eval_batches_per_epoch};
}

}  // namespace hone
