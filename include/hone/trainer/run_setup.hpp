// SPDX-License-Identifier: Apache-2.0
/// The configuration of a run, computed from its options and the lengths of its loaders.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "hone/core/require.hpp"
#include "hone/core/run_config.hpp"
#include "hone/schedule/run_fact.hpp"
#include "hone/trainer/run_options.hpp"

namespace hone {

/// Returns the smaller of `num_batches` and `limit`, or the only one that has a value.
[[nodiscard]] constexpr std::optional<std::int64_t> limited(std::optional<std::int64_t> num_batches,
                                                            std::optional<std::int64_t> limit) {
  if (!num_batches || !limit) return num_batches ? num_batches : limit;
  return std::min(*num_batches, *limit);
}

/// Returns the maximum number of batches per epoch of training and of evaluation: the smallest of `fast_dev_run`,
/// `overfit_batches` and the limit of the environment.
[[nodiscard]] constexpr std::optional<std::int64_t> batch_limit(const TrainOptions& options,
                                                                std::optional<std::int64_t> of_environment) {
  const auto given = [](std::int64_t limit) { return limit > 0 ? std::optional(limit) : std::nullopt; };
  return limited(limited(of_environment, given(options.fast_dev_run)), given(options.overfit_batches));
}

/// Returns the configuration, without batch sizes, of a training run whose epochs have `train_batches` and
/// `eval_batches` batches. Precondition: neither exceeds `limit`.
[[nodiscard]] inline RunConfig training_config(const TrainOptions& options, std::optional<std::int64_t> train_batches,
                                               std::optional<std::int64_t> eval_batches,
                                               std::int64_t num_batches_per_update,
                                               std::optional<std::int64_t> limit = {}) {
  detail::require_at_least("num_batches_per_update", num_batches_per_update, 1);
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

/// Returns the configuration, without the batch size, of a run of `evaluate` or `predict` over `batches` batches.
/// Precondition: they do not exceed `limit`.
[[nodiscard]] inline RunConfig evaluation_config(std::optional<std::int64_t> batches,
                                                 std::optional<std::int64_t> limit = {}) {
  RunConfig config;
  config.num_epochs = 1;
  config.num_eval_batches_per_epoch = batches;
  config.batch_limit = limit;
  return config;
}

/// Returns the length of a run, for schedules.
[[nodiscard]] inline RunLength run_length(const RunConfig& config) {
  const bool is_unlimited = config.num_epochs == RunConfig::unlimited_epochs;
  return {.num_updates = config.num_updates(),
          .num_updates_per_epoch = config.num_updates_per_epoch,
          .num_epochs = is_unlimited ? std::nullopt : std::optional(config.num_epochs),
          .num_train_batches_per_epoch = config.num_train_batches_per_epoch,
          .num_eval_batches_per_epoch = config.num_eval_batches_per_epoch};
}

}  // namespace hone
