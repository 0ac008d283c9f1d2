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

/// The facts of a training run whose epochs have `train_batches` and `eval_batches`.
template <class EvalDataset>
[[nodiscard]] RunConfig training_config(const TrainOptions<EvalDataset>& options,
                                        std::optional<std::int64_t> train_batches,
                                        std::optional<std::int64_t> eval_batches, std::int64_t accumulation_steps) {
  RunConfig config;
  config.num_epochs = options.num_epochs;
  config.train_per_device_batch_size = options.per_device_batch_size;
  config.eval_per_device_batch_size = options.eval_batch_size();
  config.num_train_batches_per_epoch = train_batches;
  config.num_eval_batches_per_epoch = eval_batches;
  if (train_batches) config.num_update_steps_per_epoch = (*train_batches + accumulation_steps - 1) / accumulation_steps;
  config.max_num_train_steps = options.max_num_train_steps;
  config.min_num_epochs = options.min_num_epochs;
  config.min_num_train_steps = options.min_num_train_steps;
  config.max_time = options.max_time;
  config.seed = options.seed;
  return config;
}

/// The facts of a run of `evaluate` or `predict` over `batches`.
[[nodiscard]] inline RunConfig evaluation_config(const EvaluateOptions& options, std::optional<std::int64_t> batches) {
  RunConfig config;
  config.num_epochs = 1;
  config.eval_per_device_batch_size = options.batch_size();
  config.num_eval_batches_per_epoch = batches;
  return config;
}

/// The length of a run, for schedules; 0 where it is unknown.
[[nodiscard]] inline RunLength run_length(const RunConfig& config) {
  return {.num_updates = config.num_update_steps().value_or(0),
          .num_updates_per_epoch = config.num_update_steps_per_epoch.value_or(0),
          .num_epochs = config.num_epochs,
          .num_train_batches_per_epoch = config.num_train_batches_per_epoch.value_or(0),
          .num_eval_batches_per_epoch = config.num_eval_batches_per_epoch.value_or(0)};
}

}  // namespace hone
