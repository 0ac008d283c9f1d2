// SPDX-License-Identifier: Apache-2.0
/// The mean losses of an epoch for a trainer with several losses, and the choice of the tracker for any trainer.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "hone/core/compatibility.hpp"
#include "hone/history/run_history.hpp"
#include "hone/policies/device.hpp"
#include "hone/policies/distribution.hpp"
#include "hone/step/batch_loss.hpp"
#include "hone/step/loss_tracker.hpp"
#include "hone/step/losses.hpp"

namespace hone {

/// Accumulates the mean of each loss of `Losses` over samples.
///
/// **Cost** as a `LossTracker` for each loss.
template <DevicePolicy Device, SeveralLosses L>
class LossesTracker {
 public:
  /// Adds the mean of the loss with index `place` over `samples` samples.
  void add(std::size_t place, const at::Tensor& loss, std::int64_t samples) { each_[place].add(loss, samples); }
  /// Adds all losses of a batch.
  template <class... Outputs>
  void add(const LossesOutput<L, Outputs...>& output) {
    [&]<std::size_t... i>(std::index_sequence<i...>) {
      (add(i, std::get<i>(output.each)->loss, items_in(*std::get<i>(output.each))), ...);
    }(std::index_sequence_for<Outputs...>{});
  }

  /// Adds a batch with only one loss, from an override of the loss step in an evaluation.
  void add(const at::Tensor& loss, std::int64_t samples) { whole_.add(loss, samples); }

  /// Returns the sum of the means of all losses that a rank has added; NaN without any. One all-reduce, also on a rank
  /// that has added nothing. Synchronizes with the device. Collective.
  template <DistributedPolicy Processes>
  [[nodiscard]] double mean(Processes& processes) const {
    std::array<double, 2 * (L::num_losses + 1)> sums{};  // total and count of each loss and of `whole_`
    const auto put = [&](std::size_t place, const RunningMean& own) {
      sums[2 * place] = own.total();
      sums[2 * place + 1] = own.count();
    };
    for (std::size_t i = 0; i < L::num_losses; ++i) put(i, each_[i].sums());
    put(L::num_losses, whole_.sums());
    if constexpr (SumsAcrossRanks<Processes>) {
      processes.all_reduce_sum(at::from_blob(sums.data(), {static_cast<std::int64_t>(sums.size())}, at::kDouble));
    }
    double sum = 0.0;
    bool is_empty = true;
    for (std::size_t i = 0; i <= L::num_losses; ++i) {
      is_counted_[i] = sums[2 * i + 1] > 0.0;
      if (!is_counted_[i]) continue;
      is_empty = false;
      sum += means_[i] = sums[2 * i] / sums[2 * i + 1];
    }
    return is_empty ? std::nan("") : sum;
  }
  /// Records the means that the last call of `mean` computed. `name` is the name of their sum: for `train_loss_epoch`,
  /// records `train_generator_loss_epoch` and so on; for a name without "loss", such as `validation`, records
  /// `validation_generator`.
  void record(RunHistory& history, std::string_view name, Phase phase) const {
    const auto place = name.rfind("loss");
    for (std::size_t i = 0; i < each_.size(); ++i) {
      if (!is_counted_[i]) continue;
      const std::string own(L::names[i]);
      history.record(place == name.npos
                         ? std::string(name) + "_" + own
                         : std::string(name.substr(0, place)) + own + "_" + std::string(name.substr(place)),
                     means_[i], phase);
    }
  }

  void reset() { *this = {}; }  ///< Removes all losses.

  /// Saves the sums in an archive, or restores them. Synchronizes with the device.
  void serialize(auto& archive) {
    for (std::size_t i = 0; i < each_.size(); ++i) archive(L::names[i], each_[i]);
  }

 private:
  std::array<LossTracker<Device>, L::num_losses> each_;
  mutable std::array<double, L::num_losses + 1> means_{};     // from the last call of `mean`
  mutable std::array<bool, L::num_losses + 1> is_counted_{};  // whether a rank has added the loss
  LossTracker<Device> whole_;
};

namespace detail {

template <class Device, class Loss>
struct TrackerOf {
  using type = LossTracker<Device>;
};
template <class Device, SeveralLosses Loss>
struct TrackerOf<Device, Loss> {
  using type = LossesTracker<Device, Loss>;
};

}  // namespace detail

/// The type that accumulates the losses of a trainer.
template <DevicePolicy Device, class Loss>
using TrackerOf = typename detail::TrackerOf<Device, Loss>::type;

/// Adds the result of an evaluation batch.
template <class Tracker, class Output>
void add_loss(Tracker& tracker, const Output& output) {
  if constexpr (requires { tracker.add(output); }) {
    tracker.add(output);
  } else {
    tracker.add(output.loss, items_in(output));
  }
}

/// Records the mean loss of an epoch and, with several losses, the mean of each.
template <class Tracker>
void record_loss(const Tracker& tracker, RunHistory& history, std::string_view name, double mean, Phase phase) {
  history.record(name, mean, phase);
  if constexpr (requires { tracker.record(history, name, phase); }) tracker.record(history, name, phase);
}

}  // namespace hone
