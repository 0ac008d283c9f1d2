// SPDX-License-Identifier: Apache-2.0
/// What processes that learn together agree on: when to stop, and what a batch counts. A process alone has none of it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

#include "hone/core/sentence.hpp"
#include "hone/data/batch.hpp"
#include "hone/loop/assembly.hpp"

namespace hone {

/// The parts of a trainer, and what its process and the others make of them together.
template <class Self, class Model, class Loss, class Optimizer, class... Policies>
class Agreement : public Assembly<Self, Model, Loss, Optimizer, Policies...> {
  using Parts = Assembly<Self, Model, Loss, Optimizer, Policies...>;

 protected:
  static constexpr bool reduces = ReducesGradients<typename Parts::DistributionType>;

  using Parts::Parts;
  using Parts::processes_;
  using Parts::run_;

  /// Sets on its way what an update has to know of all processes: who asks for a stop, what the window counts.
  void begin_agreement(double in_window)
    requires reduces
  {
    const auto asked = run_.asked_;
    const double numbers[] = {asked == Run::Stop::before_update ? 1.0 : 0.0, asked == Run::Stop::none ? 0.0 : 1.0,
                              in_window};
    processes_.begin_exchange(numbers);
  }
  /// Waits for it; false when some process wants no update.
  [[nodiscard]] bool end_agreement()
    requires reduces
  {
    const auto sums = processes_.end_exchange();
    const bool stops_before = sums[0] > 0.0, stops = sums[1] > 0.0;
    together_.total = sums[2];
    if (stops) [[unlikely]]
      settle_stop(stops_before);
    return !stops_before;
  }
  /// What the window's batches count in all processes.
  [[nodiscard]] double window_total() const
    requires reduces
  {
    return together_.total;
  }

  /// What a batch counts: its share of the step's samples in all processes, 1 when all have as many. Where nobody knows
  /// the step's samples, those of this process over a number that all agree on; then `correct_window` does the rest.
  double weight_among_processes(const auto& output) {
    const auto world_size = static_cast<double>(processes_.world_size());
    if constexpr (requires { output.num_items; }) {
      return static_cast<double>(output.num_items) / agreed_unit(static_cast<double>(output.num_items));
    } else {
      const auto samples = static_cast<double>(output.batch_size);
      const auto all = static_cast<double>(together_.samples_in_step);
      return samples / (all > 0.0 ? all / world_size : agreed_unit(samples));
    }
  }
  /// The same of a batch whose step is recorded, known before its forward pass: its samples are its rows.
  template <class Batch>
  double weight_of_recorded([[maybe_unused]] const Batch& batch) {
    if constexpr (reduces) {
      struct Rows {
        std::int64_t batch_size;
      };
      return weight_among_processes(Rows{hone::batch_size(batch)});
    } else {
      return 1.0;
    }
  }
  /// Whether each process's batch is known to be as large as this one.
  template <class Batch>
  [[nodiscard]] bool is_cut_evenly([[maybe_unused]] const Batch& batch) const {
    if constexpr (reduces) {
      return processes_.world_size() == 1 ||
             together_.samples_in_step == hone::batch_size(batch) * processes_.world_size();
    } else {
      return true;
    }
  }
  double agreed_unit(double here)
    requires reduces
  {
    if (together_.unit == 0.0) [[unlikely]] {
      processes_.begin_exchange(std::span(&here, 1));
      together_.unit = processes_.end_exchange()[0] / processes_.world_size();
    }
    return together_.unit;
  }

  /// The stop that some process asked for is everybody's.
  [[gnu::noinline]] void settle_stop(bool before_update)
    requires reduces
  {
    const auto reasons = processes_.gather_texts(run_.asked_ == Run::Stop::none ? std::string() : run_.reason_);
    std::size_t rank = 0;
    while (rank + 1 < reasons.size() && reasons[rank].empty()) ++rank;
    const bool is_common = std::all_of(reasons.begin(), reasons.end(), [&](auto& r) { return r == reasons[rank]; });
    run_.settle(before_update, is_common ? reasons[rank] : sentence("{} (rank {})", {reasons[rank], rank}));
  }

  /// Makes a stop that some process asked for everybody's. Collective.
  void agree_on_stop() {
    if constexpr (reduces) {
      if (run_.stop_ != Run::Stop::none) return;
      const double asks[] = {run_.asked_ == Run::Stop::before_update ? 1.0 : 0.0,
                             run_.asked_ == Run::Stop::none ? 0.0 : 1.0};
      processes_.begin_exchange(asks);
      const auto sums = processes_.end_exchange();
      const bool stops_before = sums[0] > 0.0;
      if (sums[1] > 0.0) settle_stop(stops_before);
    }
  }

  /// Somebody looks at the gradients of an update, and may ask in a process of its own for a stop.
  static constexpr bool hears_gradients = [] {
    if constexpr (reduces) {
      return Parts::CallbacksType::template relays<Told<BeforeOptimizerStep, WithTrainer<Self>>> ||
             Parts::CallbacksType::template relays<
                 Told<BeforeOptimizerStep, WithTrainer<Self>, WithClipped<at::Tensor>>>;
    } else {
      return false;
    }
  }();

  /// What only processes that learn together need.
  struct Together {
    std::int64_t samples_in_step = 0;  ///< Of all processes; 0 where nobody knows.
    double unit = 0.0;                 ///< What a batch is measured by then.
    double total = 0.0;                ///< What the window's batches count in all processes.
  };
  [[no_unique_address]] std::conditional_t<reduces, Together, NoScope> together_;
};

}  // namespace hone
