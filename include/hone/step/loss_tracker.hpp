// SPDX-License-Identifier: Apache-2.0
/// Adds up the losses of an epoch where they are computed; they cross to the host when somebody asks.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cstdint>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/core/serialize.hpp"
#include "hone/history/running_mean.hpp"
#include "hone/policies/device.hpp"
#include "hone/policies/distribution.hpp"

namespace hone {

/// The mean loss over samples: every batch counts with its size.
///
/// **Cost** on a device that the host reads, one addition in double; elsewhere one small kernel and no wait.
template <DevicePolicy Device>
class LossTracker {
 public:
  /// Adds a batch's mean loss, a tensor of one number, over `samples` samples.
  ///
  /// **Errors** `DataError` when the loss is not one number.
  void add(const at::Tensor& loss, std::int64_t samples) {
    if (loss.numel() != 1) [[unlikely]]
      refuse(loss);
    if constexpr (HostReadable<Device>) {
      // The memory of a lazily negated loss has the other sign.
      const bool is_plain = loss.scalar_type() == at::kFloat && !loss.is_neg();
      sum_.add(is_plain ? *static_cast<const float*>(loss.const_data_ptr()) : loss.item<double>(),
               static_cast<double>(samples));
    } else {
      if (!device_sum_.defined()) {
        const auto format = loss.is_mps() ? at::kFloat : at::kDouble;  // those have no double
        device_sum_ = at::full({}, carried_, loss.options().dtype(format).requires_grad(false));
      }
      device_sum_.add_(loss.detach().reshape({}), static_cast<double>(samples));
      samples_ += samples;
    }
  }

  /// The mean over samples, and over all processes; NaN when nothing was added. Waits for the device.
  template <DistributedPolicy Processes>
  [[nodiscard]] double mean(Processes& processes) const {
    RunningMean all = sum_;
    if constexpr (!HostReadable<Device>) {
      if (samples_ > 0) all.add(total() / static_cast<double>(samples_), static_cast<double>(samples_));
    }
    if constexpr (SumsOverProcesses<Processes>) {
      auto sums = at::zeros({2}, at::kDouble);
      sums[0] = all.total();
      sums[1] = all.count();
      processes.all_reduce_sum(sums);
      return sums[0].template item<double>() / sums[1].template item<double>();
    }
    return all.mean();
  }

  void reset() { *this = {}; }
  /// True when nothing was added.
  [[nodiscard]] bool empty() const {
    if constexpr (HostReadable<Device>) {
      return sum_.count() == 0.0;
    } else {
      return samples_ == 0;
    }
  }

  /// Shows the sums to an archive of the `checkpoint` room. Waits for the device.
  void serialize(auto& archive) {
    archive("sum", sum_);
    if constexpr (!HostReadable<Device>) {
      carried_ = total();
      archive("carried", carried_);
      archive("samples", samples_);
      if (archive.is_loading) device_sum_.reset();
    }
    take_over(archive, *this);
  }
  /// Takes in what another one has seen. Waits for the device.
  void merge(const LossTracker& other) {
    sum_.merge(other.sum_);
    if constexpr (!HostReadable<Device>) {
      carried_ = total() + other.total();
      samples_ += other.samples_;
      device_sum_.reset();
    }
  }

 private:
  [[nodiscard]] double total() const { return device_sum_.defined() ? device_sum_.item<double>() : carried_; }

  [[noreturn, gnu::noinline]] static void refuse(const at::Tensor& loss) {
    throw DataError(sentence(
        "The loss has {} elements, one is needed. Reduce it to its mean (reduction = torch::kMean).", {loss.numel()}));
  }

  RunningMean sum_;
  at::Tensor device_sum_;
  double carried_ = 0.0;  // where the device's sum begins
  std::int64_t samples_ = 0;
};

}  // namespace hone
