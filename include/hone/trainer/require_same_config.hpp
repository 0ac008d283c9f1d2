// SPDX-License-Identifier: Apache-2.0
/// The settings of a run that must match on all ranks: after a mismatch, collectives deadlock or the weights diverge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "hone/core/format_message.hpp"
#include "hone/core/run_config.hpp"

namespace hone {

/// Returns the settings that must match on all ranks, one per line. The number of evaluation batches may differ: an
/// evaluation makes no collective call per batch.
template <class Optimizer>
[[nodiscard]] std::string require_same_config(const RunConfig& config, const Optimizer& optimizer) {
  std::string text;
  const auto line = [&text](const char* name, const FormatArg& value) {
    text += format_message("{} = {}\n", {name, value});
  };
  const auto optional_line = [&](const char* name, const auto& value) {
    value ? line(name, *value) : line(name, "none");
  };
  line("num_epochs", config.num_epochs);
  line("per_device_batch_size", config.train_per_device_batch_size);
  optional_line("the training batches per epoch", config.num_train_batches_per_epoch);
  line("num_batches_per_update", config.num_batches_per_update);
  optional_line("max_updates", config.max_updates);
  line("min_num_epochs", config.min_num_epochs);
  line("min_updates", config.min_updates);
  optional_line("seed", config.seed);
  optional_line("batch limit", config.batch_limit);
  line("overfit_batches", config.overfit_batches);
  line("evaluate_every_n_epochs", config.evaluate_every_n_epochs);
  line("evaluation", config.num_eval_batches_per_epoch ? "by a loader of known length" : "none, or of unknown length");
  line("fast_dev_run", config.fast_dev_run);
  line("num_processes", config.num_processes);
  line("precision", config.precision);
  for (std::size_t group = 0; group < optimizer.num_groups(); ++group) {
    text += format_message("learning rate of group {} = {}\n", {group, optimizer.lr(group)});
  }
  return text;
}

}  // namespace hone
