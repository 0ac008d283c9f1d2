// SPDX-License-Identifier: Apache-2.0
/// The device policy for Apple GPUs, which needs a LibTorch that was built for them.
#pragma once

#include "hone/devices/accelerator.hpp"

namespace hone {

/// See `Accelerator`.
template <std::int64_t index = device_of_process>
using Mps = Accelerator<c10::kMPS, index>;
static_assert(DevicePolicy<Mps<>> && !HostAccessible<Mps<>> && EntersDevice<Mps<>> && ChecksAvailability<Mps<>>);

}  // namespace hone
