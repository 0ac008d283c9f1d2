// SPDX-License-Identifier: Apache-2.0
/// The device policy for NVIDIA and AMD GPUs, which needs a LibTorch that was built for them.
#pragma once

#include "hone/devices/accelerator.hpp"

namespace hone {

/// See `Accelerator`.
template <std::int64_t index = device_of_process>
using Cuda = Accelerator<c10::kCUDA, index>;
static_assert(DevicePolicy<Cuda<>> && !HostAccessible<Cuda<>> && EntersDevice<Cuda<>> && ChecksAvailability<Cuda<>>);

}  // namespace hone
