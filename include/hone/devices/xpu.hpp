// SPDX-License-Identifier: Apache-2.0
/// The device policy for Intel GPUs, which needs a LibTorch that was built for them.
#pragma once

#include "hone/devices/accelerator.hpp"

namespace hone {

/// See `Accelerator`.
template <std::int64_t index = device_of_process>
using Xpu = Accelerator<c10::kXPU, index>;
static_assert(DevicePolicy<Xpu<>> && !HostAccessible<Xpu<>> && EntersDevice<Xpu<>> && ChecksAvailability<Xpu<>>);

}  // namespace hone
