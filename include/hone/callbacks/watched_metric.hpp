// SPDX-License-Identifier: Apache-2.0
/// A metric of the history that a callback goes by.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hone/callbacks/run.hpp"
#include "hone/core/threshold_mode.hpp"

namespace hone::detail {

/// Refuses, when a run starts, to watch a metric of evaluations in a run that has nothing to evaluate on.
///
/// **Errors** `std::invalid_argument`, with the name of the `setting` that chose it.
inline void require_recordable(const Run& run, std::string_view metric, std::string_view setting) {
  const bool is_of_evaluation =
      (metric.starts_with("eval_") && metric.ends_with("_epoch")) || metric.starts_with("intermediate_eval_");
  if (!is_of_evaluation || run.config().has_evaluation) return;
  throw std::invalid_argument(std::string(setting) + " is `" + std::string(metric) +
                              "`, which evaluations record, and the run has no evaluation dataset. Give it one with "
                              "train(train_set, eval_set), or watch a metric of training such as `train_loss_epoch`.");
}

/// The value of `metric` that the epoch at hand recorded; empty when it recorded none, and in an epoch that a stop
/// ended before its last batch: a resumed run completes that epoch.
///
/// **Errors** `std::invalid_argument`, with the name of the `setting` that chose it, when nothing has ever recorded it;
/// not in a run that was stopped, nor before its first evaluation.
inline std::optional<double> value_of_epoch(const Run& run, std::string_view metric, std::string_view setting) {
  if (run.epoch_was_cut_short()) return std::nullopt;
  const auto values = run.history().values(metric);
  if (!values.empty()) {
    return values.back().epoch == run.epoch() ? std::optional(values.back().value) : std::nullopt;
  }
  if (run.stop_requested() || !run.config().evaluates_after(run.epoch())) return std::nullopt;
  std::string names;
  for (const auto& name : run.history().names()) names += (names.empty() ? "`" : ", `") + name + "`";
  throw std::invalid_argument(std::string(setting) + " is `" + std::string(metric) +
                              "`, which nothing has recorded; recorded are: " + (names.empty() ? "none" : names) +
                              ". Watch one of those, or give the run an evaluation dataset.");
}

/// True when `record` is of the present weights: no update has come after it.
inline bool is_of_present_weights(const Run& run, const Record& record) {
  return record.epoch == run.epoch() && record.update == run.history().num_updates();
}

/// `value_of_epoch`, where it is a value of the present weights; that of an evaluation before later updates is not.
inline std::optional<double> value_of_weights(const Run& run, std::string_view metric, std::string_view setting) {
  const auto value = value_of_epoch(run, metric, setting);
  return value && is_of_present_weights(run, run.history().values(metric).back()) ? value : std::nullopt;
}

/// The same in every process: the value that rank 0 recorded, so that all decide alike. Collective.
[[nodiscard]] std::optional<double> shared_value_of_epoch(auto& trainer, const Run& run, std::string_view metric,
                                                          std::string_view setting) {
  return trainer.in_rank_zero([&] { return value_of_epoch(run, metric, setting); });
}

/// True when `value` is better than the best so far: strictly, or as the first one that may be.
inline bool is_better(double value, const std::optional<double>& best, bool greater_is_better) {
  if (!may_be_best(value, greater_is_better)) return false;
  return !best || (greater_is_better ? value > *best : value < *best);
}

}  // namespace hone::detail
