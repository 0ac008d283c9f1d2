// SPDX-License-Identifier: Apache-2.0
/// Access to the metric that a callback watches.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hone/callbacks/run.hpp"
#include "hone/history/record.hpp"

namespace hone::detail {

/// Returns the name of `metric` among the metrics of averaged weights: a metric of evaluations gets `prefix`.
[[nodiscard]] std::string averaged_name(const Run& run, std::string_view prefix, const std::string& metric);

/// Returns the name in the history of the metric that a callback watches: `metric`. Among the callbacks of an average,
/// adds the prefix of the average to a metric of evaluations, so that the callback watches the averaged weights.
[[nodiscard]] std::string watched_name([[maybe_unused]] const auto& event, const std::string& metric) {
  if constexpr (requires { event.average_prefix; }) {
    return averaged_name(event.run, event.average_prefix, metric);
  } else {
    return metric;
  }
}

/// Throws when `metric` is recorded by evaluations and the run has no evaluation data.
///
/// **Errors** `std::invalid_argument`, with the name of the `setting` that selects the metric.
void require_capturable(const Run& run, std::string_view metric, std::string_view setting);

/// Throws when `metric` was never recorded, unless a stop takes effect, no evaluation is due after `epoch`, or `metric`
/// is of evaluations within epochs, of which none has ended yet and more epochs follow. `epoch` is the current epoch or
/// the one that has just ended.
///
/// **Errors** `std::invalid_argument`, with the name of the `setting` that selects the metric.
void require_recorded(const Run& run, std::int64_t epoch, std::string_view metric, std::string_view setting);

/// Returns the value of `metric` that the current epoch recorded; empty if it recorded none, and in an epoch that a
/// stop ended before its last batch, because a resumed run completes that epoch. **Errors** as `require_recorded`.
std::optional<double> value_of_epoch(const Run& run, std::string_view metric, std::string_view setting);

/// True if `record` is of the current weights: of the current epoch, without an update after it.
[[nodiscard]] bool is_of_present_weights(const Run& run, const Record& record);

/// Returns `value_of_epoch` if the value is of the current weights; empty if updates followed its recording.
[[nodiscard]] std::optional<double> value_of_weights(const Run& run, std::string_view metric, std::string_view setting);

/// Returns the `value_of_epoch` of rank 0 on all ranks, so that all ranks decide alike. Collective.
[[nodiscard]] std::optional<double> shared_value_of_epoch(auto& trainer, const Run& run, std::string_view metric,
                                                          std::string_view setting) {
  return trainer.on_rank_zero([&] { return value_of_epoch(run, metric, setting); });
}

/// True if `value` is strictly better than `best`, or is the first value that can be the best (see `may_be_best`).
[[nodiscard]] bool is_better(double value, const std::optional<double>& best, bool greater_is_better);

}  // namespace hone::detail

#ifndef HONE_COMPILED_LIB
#include "hone/callbacks/watched_metric.ipp"
#endif
