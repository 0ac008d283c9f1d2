// SPDX-License-Identifier: Apache-2.0
/// The synchronization of ranks in a training step: requests for a stop by a callback on any rank, and the weight of
/// each batch in the mean over all ranks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "hone/callbacks/run_control.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/batch.hpp"
#include "hone/policies/distribution.hpp"

namespace hone::detail {

/// The synchronization of a single process: empty, all functions are no-ops.
template <class Processes>
struct StepSync {
  void sync_stop(Processes&, RunControl&) {}

  template <class Batch>
  [[nodiscard]] static constexpr double weight_of_rows(Processes&, const Batch&) {
    return 1.0;
  }
  template <class Batch>
  [[nodiscard]] static constexpr bool is_even(const Processes&, const Batch&) {
    return true;
  }
};

template <ReducesGradients Processes>
struct StepSync<Processes> {
  std::int64_t samples_in_step = 0;  ///< Over all ranks; 0 if unknown.
  double unit = 0.0;                 ///< Divides the weights if that is unknown; 0 until needed.
  double total = 0.0;                ///< The window's weight over all ranks, valid after `end`.

  /// Starts the asynchronous all-reduce before an update: requests for a stop, and the weight of the window.
  void begin(Processes& processes, const RunControl& run, double weight_of_window) {
    const double numbers[] = {run.asked_ == RunControl::Stop::before_update ? 1.0 : 0.0,
                              run.asked_ == RunControl::Stop::none ? 0.0 : 1.0, weight_of_window};
    processes.begin_all_reduce_sum(numbers);
  }
  /// Waits for the all-reduce that `begin` started. Returns false if any rank requests a stop before the update.
  [[nodiscard]] bool end(Processes& processes, RunControl& run) {
    const auto sums = processes.end_all_reduce_sum();
    const bool stops_before = sums[0] > 0.0, stops = sums[1] > 0.0;
    total = sums[2];
    if (stops) [[unlikely]]
      commit_stop(processes, run, stops_before);
    return !stops_before;
  }

  /// Makes a stop that any rank has requested take effect on all ranks. Collective.
  void sync_stop(Processes& processes, RunControl& run) {
    if (run.stop_ != RunControl::Stop::none) return;
    const double asks[] = {run.asked_ == RunControl::Stop::before_update ? 1.0 : 0.0,
                           run.asked_ == RunControl::Stop::none ? 0.0 : 1.0};
    processes.begin_all_reduce_sum(asks);
    const auto sums = processes.end_all_reduce_sum();
    const bool stops_before = sums[0] > 0.0;
    if (sums[1] > 0.0) commit_stop(processes, run, stops_before);
  }

  /// Returns the weight of a batch: its samples, divided by the mean samples per rank in this step. Divides by `unit`
  /// if these are unknown, and for `num_items`; the correction of the window then rescales the gradients. The first
  /// call that needs `unit` is collective: `unit` becomes the mean over the ranks of their first batch.
  double weight(Processes& processes, const auto& output) {
    const auto world_size = static_cast<double>(processes.world_size());
    if constexpr (requires { output.num_items; }) {
      const auto items = static_cast<double>(output.num_items);
      return items / synced_unit(processes, items);
    } else {
      const auto samples = static_cast<double>(output.batch_size);
      const auto all = static_cast<double>(samples_in_step);
      return samples / (all > 0.0 ? all / world_size : synced_unit(processes, samples));
    }
  }
  /// Returns the weight before the forward pass, from the number of rows of the batch.
  template <class Batch>
  double weight_of_rows(Processes& processes, const Batch& batch) {
    struct Rows {
      std::int64_t batch_size;
    };
    return weight(processes, Rows{hone::batch_size(batch)});
  }
  /// True if the batches of all ranks are known to have the size of this one.
  template <class Batch>
  [[nodiscard]] bool is_even(const Processes& processes, const Batch& batch) const {
    return processes.world_size() == 1 || samples_in_step == hone::batch_size(batch) * processes.world_size();
  }

 private:
  double synced_unit(Processes& processes, double here) {
    if (unit == 0.0) [[unlikely]] {
      processes.begin_all_reduce_sum(std::span(&here, 1));
      unit = processes.end_all_reduce_sum()[0] / processes.world_size();
    }
    return unit;
  }

  [[gnu::noinline]] static void commit_stop(Processes& processes, RunControl& run, bool before_update) {
    const auto reasons =
        processes.all_gather_strings(run.asked_ == RunControl::Stop::none ? std::string() : run.reason_);
    std::size_t rank = 0;
    while (rank + 1 < reasons.size() && reasons[rank].empty()) ++rank;
    const bool is_common = std::all_of(reasons.begin(), reasons.end(), [&](auto& r) { return r == reasons[rank]; });
    run.settle(before_update, is_common ? reasons[rank] : format_message("{} (rank {})", {reasons[rank], rank}));
  }
};

}  // namespace hone::detail
