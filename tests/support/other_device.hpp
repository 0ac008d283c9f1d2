// SPDX-License-Identifier: Apache-2.0
/// A device policy for tests on the CPU that is not host readable: its tensors are on the host, and every batch is
/// copied.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "hone/data/batch.hpp"
#include "hone/policies/device.hpp"

struct OtherDevice {
  using slot = hone::slots::Device;
  static constexpr bool host_accessible = false;

  [[nodiscard]] static c10::Device device() { return c10::Device(c10::kCPU); }
  template <hone::HoldsTensors Batch>
  [[nodiscard]] static hone::OwnedBatch<Batch> move(Batch& batch) {
    return hone::map_tensors(batch, [](const at::Tensor& tensor) { return tensor.clone(); });
  }
  template <class Batch>
  static Batch& move(Batch& batch) {
    return batch;
  }
};
static_assert(hone::DevicePolicy<OtherDevice> && !hone::HostAccessible<OtherDevice>);
