// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hone/callbacks/run.hpp"
#include "hone/callbacks/watched_metric.hpp"
#include "hone/core/config.hpp"
#include "hone/core/threshold_mode.hpp"
#include "hone/history/record.hpp"

namespace hone::detail {

inline constexpr std::string_view intermediate_prefix = "intermediate_eval_";

/// Returns `name` without the prefix that the run's history gives to new metrics.
inline std::string_view without_prefix(const Run& run, std::string_view name) {
  const auto& prefix = run.history().metric_name_prefix();
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  return name;
}
/// True for the names that the evaluations of a training run record.
inline bool is_of_evaluation(std::string_view name) {
  return (name.starts_with("eval_") && name.ends_with("_epoch")) || name.starts_with(intermediate_prefix);
}

HONE_INLINE std::string averaged_name(const Run& run, std::string_view prefix, const std::string& metric) {
  const auto name = without_prefix(run, metric);
  if (!is_of_evaluation(name)) return metric;
  return run.history().metric_name_prefix() + std::string(prefix) + std::string(name);
}

HONE_INLINE void require_capturable(const Run& run, std::string_view metric, std::string_view setting) {
  if (!is_of_evaluation(without_prefix(run, metric)) || run.config().has_evaluation) return;
  throw std::invalid_argument(std::string(setting) + " is `" + std::string(metric) +
                              "`, which only evaluations record, but the run has no evaluation dataset. Pass one with "
                              "train(train_set, eval_set), or watch a training metric such as `train_loss_epoch`.");
}

HONE_INLINE void require_recorded(const Run& run, std::int64_t epoch, std::string_view metric,
                                  std::string_view setting) {
  if (!run.history().values(metric).empty() || run.stop_requested() || !run.config().evaluates_after(epoch)) return;
  const auto recorded = run.history().names();
  const auto is_intermediate = [](std::string_view name) {
    return name.find(intermediate_prefix) != std::string_view::npos;
  };
  const std::int64_t num_epochs = run.num_epochs() + (epoch == run.epoch() ? 1 : 0);
  if (is_intermediate(metric) && num_epochs < run.config().num_epochs &&
      std::none_of(recorded.begin(), recorded.end(), is_intermediate)) {
    return;
  }
  std::string names;
  for (const auto& name : recorded) names += (names.empty() ? "`" : ", `") + name + "`";
  throw std::invalid_argument(std::string(setting) + " is `" + std::string(metric) +
                              "`, which is not recorded. Recorded metrics: " + (names.empty() ? "none" : names) +
                              ". Watch one of them, put the callback that records it before this one, or pass an "
                              "evaluation dataset to the run.");
}

HONE_INLINE std::optional<double> value_of_epoch(const Run& run, std::string_view metric, std::string_view setting) {
  if (run.epoch_was_cut_short()) return std::nullopt;
  require_recorded(run, run.epoch(), metric, setting);
  const auto values = run.history().values(metric);
  return !values.empty() && values.back().epoch == run.epoch() ? std::optional(values.back().value) : std::nullopt;
}

HONE_INLINE bool is_of_present_weights(const Run& run, const Record& record) {
  return record.epoch == run.epoch() && record.update == run.history().num_updates();
}

HONE_INLINE std::optional<double> value_of_weights(const Run& run, std::string_view metric, std::string_view setting) {
  const auto value = value_of_epoch(run, metric, setting);
  return value && is_of_present_weights(run, run.history().values(metric).back()) ? value : std::nullopt;
}

HONE_INLINE bool is_better(double value, const std::optional<double>& best, bool greater_is_better) {
  if (!may_be_best(value, greater_is_better)) return false;
  return !best || (greater_is_better ? value > *best : value < *best);
}

}  // namespace hone::detail
