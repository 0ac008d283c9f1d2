// SPDX-License-Identifier: Apache-2.0
/// What ranks synchronize in a training step: whether a callback of any of them asks for a stop, and the weight of each
/// batch in the mean over all.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "hone/callbacks/run_control.hpp"
#include "hone/core/sentence.hpp"
#include "hone/data/batch.hpp"
#include "hone/policies/distribution.hpp"

namespace hone::detail {

/// One process: there is nothing to synchronize, and nothing here.
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
  std::int64_t samples_in_step = 0;  ///< Of all ranks; 0 where the loader does not say.
  double unit = 0.0;                 ///< What batches are measured by then; the same in all ranks.
  double total = 0.0;                ///< The weight of the window in all ranks, after `end`.

  /// Starts the exchange that an update needs: requests for a stop, and the weight of the window.
  void begin(Processes& processes, const RunControl& run, double weight_of_window) {
    const double numbers[] = {run.asked_ == RunControl::Stop::before_update ? 1.0 : 0.0,
                              run.asked_ == RunControl::Stop::none ? 0.0 : 1.0, weight_of_window};
    processes.begin_exchange(numbers);
  }
  /// Waits for it. Returns false when a rank wants no update.
  [[nodiscard]] bool end(Processes& processes, RunControl& run) {
    const auto sums = processes.end_exchange();
    const bool stops_before = sums[0] > 0.0, stops = sums[1] > 0.0;
    total = sums[2];
    if (stops) [[unlikely]]
      settle_stop(processes, run, stops_before);
    return !stops_before;
  }

  /// A stop that a rank has requested takes effect in all. Collective.
  void sync_stop(Processes& processes, RunControl& run) {
    if (run.stop_ != RunControl::Stop::none) return;
    const double asks[] = {run.asked_ == RunControl::Stop::before_update ? 1.0 : 0.0,
                           run.asked_ == RunControl::Stop::none ? 0.0 : 1.0};
    processes.begin_exchange(asks);
    const auto sums = processes.end_exchange();
    const bool stops_before = sums[0] > 0.0;
    if (sums[1] > 0.0) settle_stop(processes, run, stops_before);
  }

  /// The weight of a batch: its share of the step's samples in all ranks, 1 when all have as many. Where the step's
  /// samples are not known, those of this rank over `unit`; then the correction of the window does the rest.
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
  /// The same before the forward pass, by the rows of the batch.
  template <class Batch>
  double weight_of_rows(Processes& processes, const Batch& batch) {
    struct Rows {
      std::int64_t batch_size;
    };
    return weight(processes, Rows{hone::batch_size(batch)});
  }
  /// Whether the batch of every rank is known to be as large as this one.
  template <class Batch>
  [[nodiscard]] bool is_even(const Processes& processes, const Batch& batch) const {
    return processes.world_size() == 1 || samples_in_step == hone::batch_size(batch) * processes.world_size();
  }

 private:
  double synced_unit(Processes& processes, double here) {
    if (unit == 0.0) [[unlikely]] {
      processes.begin_exchange(std::span(&here, 1));
      unit = processes.end_exchange()[0] / processes.world_size();
    }
    return unit;
  }

  [[gnu::noinline]] static void settle_stop(Processes& processes, RunControl& run, bool before_update) {
    const auto reasons = processes.gather_texts(run.asked_ == RunControl::Stop::none ? std::string() : run.reason_);
    std::size_t rank = 0;
    while (rank + 1 < reasons.size() && reasons[rank].empty()) ++rank;
    const bool is_common = std::all_of(reasons.begin(), reasons.end(), [&](auto& r) { return r == reasons[rank]; });
    run.settle(before_update, is_common ? reasons[rank] : sentence("{} (rank {})", {reasons[rank], rank}));
  }
};

}  // namespace hone::detail
