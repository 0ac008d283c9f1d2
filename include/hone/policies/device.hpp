// SPDX-License-Identifier: Apache-2.0
/// Where the model and the batches live.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `Cpu` | always possible, the default | processes that talk over NCCL |
#pragma once

#include <c10/core/Device.h>

#include <type_traits>

#include "hone/core/policy.hpp"

namespace hone {

/// Chooses the device. `move` puts a batch there: it returns the batch itself when it is there already, else a moved one.
template <class P>
concept DevicePolicy = PolicyFor<P, slots::Device> && requires(const P& policy, int& batch) {
  { policy.device() } -> std::convertible_to<c10::Device>;
  policy.move(batch);
};

/// Optional ability: the host reads this device's memory as its own, so a loss can be added up without waiting.
template <class P>
concept HostReadable = DevicePolicy<P> && P::host_readable;

/// The host's processors. Batches stay where the loader made them.
struct Cpu {
  using slot = slots::Device;
  static constexpr bool host_readable = true;

  [[nodiscard]] static c10::Device device() { return c10::Device{c10::kCPU}; }

  template <class Batch>
  static Batch& move(Batch& batch) {
    return batch;
  }
};
static_assert(DevicePolicy<Cpu> && HostReadable<Cpu> && std::is_empty_v<Cpu>);

}  // namespace hone
