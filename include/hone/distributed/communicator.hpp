// SPDX-License-Identifier: Apache-2.0
/// How processes that train together find each other, and what they send with.
///
/// | communicator | between | use it |
/// | --- | --- | --- |
/// | `Gloo` | plain processes, over TCP | CPU; no launcher needed |
/// | `Mpi` (`hone/distributed/mpi.hpp`) | the ranks of an `MPI_Comm` | CPU; programs that use MPI already |
/// | `Nccl` (`hone/distributed/nccl.hpp`) | GPUs | CUDA |
#pragma once

#include <concepts>

#include "hone/distributed/process_group.hpp"

namespace hone {

/// What is a group of processes, or has one: settings and, in a member `group`, what was formed with them. Copies are
/// the same group.
///
/// Optional: `static constexpr at::DeviceType device_type`, where tensors have to be; `static constexpr bool
/// can_be_recorded = true`, when a device can replay what was sent.
/// **Example** `hone::ProcessGroup group = hone::Gloo{.timeout = 30s};`
template <class C>
concept Communicator = std::copyable<C> && std::convertible_to<const C&, const ProcessGroup&>;
static_assert(Communicator<ProcessGroup> && !Communicator<int>);

}  // namespace hone
