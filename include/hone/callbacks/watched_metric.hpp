// SPDX-License-Identifier: Apache-2.0
/// Access to the metric that a callback watches.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hone/callbacks/run.hpp"
#include "hone/core/threshold_mode.hpp"

namespace hone::detail {

/// Throws when `metric` is recorded by evaluations and the run has no evaluation data.
///
/// **Errors** `std::invalid_argument`, with the name of the `setting` that selects the metric.
inline void require_recordable(const Run& run, std::string_view metric, std::string_view setting) {
  const bool is_of_evaluation =
      (metric.starts_with("eval_") && metric.ends_with("_epoch")) || metric.starts_with("intermediate_eval_");
  if (!is_of_evaluation || run.config().has_evaluation) return;
  throw std::invalid_argument(std::string(setting) + " is `" + std::string(metric) +
                              "`, which evaluations record, and the run has no evaluation dataset. Give it one with "
                              "train(train_set, eval_set), or watch a metric of training such as `train_loss_epoch`.");
}

/// Returns the value of `metric` that the current epoch recorded; empty if it recorded none, and in an epoch that a
/// stop ended before its last batch, because a resumed run completes that epoch.
///
/// **Errors** `std::invalid_argument`, with the name of the `setting` that selects the metric, when the metric was
/// never recorded, unless a stop takes effect or no evaluation is due after this epoch.
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

/// True if `record` is of the current weights: of the current epoch, without an update after it.
inline bool is_of_present_weights(const Run& run, const Record& record) {
  return record.epoch == run.epoch() && record.update == run.history().num_updates();
}

/// Returns `value_of_epoch` if the value is of the current weights; empty if updates followed its recording.
inline std::optional<double> value_of_weights(const Run& run, std::string_view metric, std::string_view setting) {
  const auto value = value_of_epoch(run, metric, setting);
  return value && is_of_present_weights(run, run.history().values(metric).back()) ? value : std::nullopt;
}

/// Returns the `value_of_epoch` of rank 0 on all ranks, so that all ranks decide alike. Collective.
[[nodiscard]] std::optional<double> shared_value_of_epoch(auto& trainer, const Run& run, std::string_view metric,
                                                          std::string_view setting) {
  return trainer.in_rank_zero([&] { return value_of_epoch(run, metric, setting); });
}

/// True if `value` is strictly better than `best`, or is the first value that can be the best (see `may_be_best`).
inline bool is_better(double value, const std::optional<double>& best, bool greater_is_better) {
  if (!may_be_best(value, greater_is_better)) return false;
  return !best || (greater_is_better ? value > *best : value < *best);
}

}  // namespace hone::detail
