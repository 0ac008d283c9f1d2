// SPDX-License-Identifier: Apache-2.0
/// From options and the lengths of the loaders to the frozen facts of a run.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "hone/core/run_config.hpp"
#include "hone/loop/run_options.hpp"
#include "hone/schedule/run_fact.hpp"

namespace hone {

/// The batches of an epoch under a callback's limit. Where the range has no length, the limit itself.
[[nodiscard]] constexpr std::optional<std::int64_t> limited(std::optional<std::int64_t> num_batches,
                                                            std::optional<std::int64_t> limit) {
  if (!num_batches || !limit) return num_batches ? num_batches : limit;
  return std::min(*num_batches, *limit);
}

/// The most batches that an epoch of training or of evaluation may have: what a run is told by its trial options, and
/// all runs by the environment.
template <class EvalDataset, class For>
[[nodiscard]] constexpr std::optional<std::int64_t> batch_limit(const TrainOptions<EvalDataset, For>& options,
                                                                std::optional<std::int64_t> of_environment) {
  const auto given = [](std::int64_t limit) { return limit > 0 ? std::optional(limit) : std::nullopt; };
  return limited(limited(of_environment, given(options.fast_dev_run)), given(options.overfit_batches));
}

/// The facts of a training run whose epochs have `train_batches` and `eval_batches`, none more than `limit`.
template <class EvalDataset, class For>
[[nodiscard]] RunConfig training_config(const TrainOptions<EvalDataset, For>& options,
                                        std::optional<std::int64_t> train_batches,
                                        std::optional<std::int64_t> eval_batches, std::int64_t accumulation_steps,
                                        std::optional<std::int64_t> limit = {}) {
  RunConfig config;
  config.fast_dev_run = options.fast_dev_run > 0;
  config.overfit_batches = options.overfit_batches;
  config.batch_limit = limit;
  config.num_epochs = config.fast_dev_run ? std::min(options.num_epochs, std::int64_t{1}) : options.num_epochs;
  config.train_per_device_batch_size = options.per_device_batch_size;
  config.eval_per_device_batch_size = options.eval_batch_size();
  config.num_train_batches_per_epoch = train_batches;
  config.num_eval_batches_per_epoch = eval_batches;
  if (train_batches) config.num_update_steps_per_epoch = (*train_batches + accumulation_steps - 1) / accumulation_steps;
  config.max_num_train_steps = options.max_num_train_steps;
  if (!config.fast_dev_run) {
    config.evaluate_every_n_epochs = options.evaluate_every_n_epochs;
    config.min_num_epochs = options.min_num_epochs;
    config.min_num_train_steps = options.min_num_train_steps;
  }
  config.max_time = options.max_time;
  config.seed = options.seed;
  return config;
}

/// The facts of a run of `evaluate` or `predict` over `batches`, no more than `limit`.
[[nodiscard]] inline RunConfig evaluation_config(const EvaluateOptions& options, std::optional<std::int64_t> batches,
                                                 std::optional<std::int64_t> limit = {}) {
  RunConfig config;
  config.num_epochs = 1;
  config.eval_per_device_batch_size = options.batch_size();
  config.num_eval_batches_per_epoch = batches;
  config.batch_limit = limit;
  return config;
}

/// The length of a run, for schedules; 0 where it is unknown.
[[nodiscard]] inline RunLength run_length(const RunConfig& config) {
  return {.num_updates = config.num_update_steps().value_or(0),
          .num_updates_per_epoch = config.num_update_steps_per_epoch.value_or(0),
          .num_epochs = config.num_epochs == RunConfig::unlimited_epochs ? 0 : config.num_epochs,
          .num_train_batches_per_epoch = config.num_train_batches_per_epoch.value_or(0),
          .num_eval_batches_per_epoch = config.num_eval_batches_per_epoch.value_or(0)};
}

}  // namespace hone
