// SPDX-License-Identifier: Apache-2.0
/// The mean loss of an epoch, accumulated on the device that computes the losses and copied to the host on request.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cstdint>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"
#include "hone/history/running_mean.hpp"
#include "hone/policies/device.hpp"
#include "hone/policies/distribution.hpp"

namespace hone {

/// Accumulates the mean loss over samples. Each batch is weighted by its number of samples.
///
/// **Cost** per batch, one addition in double on a device whose memory the host reads; else one small kernel, without
/// host synchronization.
template <DevicePolicy Device>
class LossTracker {
 public:
  /// Adds a batch's mean loss over `samples` samples.
  ///
  /// **Errors** `DataError` if the loss does not have one element.
  void add(const at::Tensor& loss, std::int64_t samples) {
    if (loss.numel() != 1) [[unlikely]]
      refuse(loss);
    if constexpr (HostAccessible<Device>) {
      // The memory of a lazily negated loss has the opposite sign.
      const bool is_plain = loss.scalar_type() == at::kFloat && !loss.is_neg();
      sum_.add(is_plain ? *static_cast<const float*>(loss.const_data_ptr()) : loss.item<double>(),
               static_cast<double>(samples));
    } else {
      if (!device_sum_.defined()) {
        const auto format = loss.is_mps() ? at::kFloat : at::kDouble;  // MPS has no double
        device_sum_ = at::full({}, carried_, loss.options().dtype(format).requires_grad(false));
      }
      device_sum_.add_(loss.detach().reshape({}), static_cast<double>(samples));
      samples_ += samples;
    }
  }

  /// Returns the sums of this rank. Synchronizes with the device.
  [[nodiscard]] RunningMean sums() const {
    RunningMean all = sum_;
    if constexpr (!HostAccessible<Device>) {
      if (samples_ > 0) all.add(total() / static_cast<double>(samples_), static_cast<double>(samples_));
    }
    return all;
  }
  /// Returns the mean over the samples of all ranks; NaN without samples. Synchronizes with the device. Collective.
  template <DistributedPolicy Processes>
  [[nodiscard]] double mean(Processes& processes) const {
    const RunningMean all = sums();
    if constexpr (SumsAcrossRanks<Processes>) {
      auto sums = at::zeros({2}, at::kDouble);
      sums[0] = all.total();
      sums[1] = all.count();
      processes.all_reduce_sum(sums);
      return sums[0].template item<double>() / sums[1].template item<double>();
    }
    return all.mean();
  }

  void reset() { *this = {}; }  ///< Removes all losses.
  /// True if nothing was added.
  [[nodiscard]] bool empty() const {
    if constexpr (HostAccessible<Device>) {
      return sum_.count() == 0.0;
    } else {
      return samples_ == 0;
    }
  }

  /// Saves the sums in an archive, or restores them. Synchronizes with the device.
  void serialize(auto& archive) {
    archive("sum", sum_);
    if constexpr (!HostAccessible<Device>) {
      carried_ = total();
      archive("carried", carried_);
      archive("samples", samples_);
      if (archive.is_loading) device_sum_.reset();
    }
    merge_departed_ranks(archive, *this);
  }
  /// Adds the sums of another tracker. Synchronizes with the device.
  void merge(const LossTracker& other) {
    sum_.merge(other.sum_);
    if constexpr (!HostAccessible<Device>) {
      carried_ = total() + other.total();
      samples_ += other.samples_;
      device_sum_.reset();
    }
  }

 private:
  [[nodiscard]] double total() const { return device_sum_.defined() ? device_sum_.item<double>() : carried_; }

  [[noreturn, gnu::noinline]] static void refuse(const at::Tensor& loss) {
    throw DataError(format_message(
        "The loss has {} elements instead of one. Reduce it to its mean (reduction = torch::kMean).", {loss.numel()}));
  }

  RunningMean sum_;
  at::Tensor device_sum_;
  double carried_ = 0.0;  // the initial value of the device's sum
  std::int64_t samples_ = 0;
};

}  // namespace hone
