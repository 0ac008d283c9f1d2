// SPDX-License-Identifier: Apache-2.0
/// Communicators: the rendezvous and the transport of processes that train together.
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

/// A type that converts to a `ProcessGroup`: usually settings and a member `group`, which is formed with them. Copies
/// refer to the same group.
///
/// Optional: `static constexpr at::DeviceType device_type`, the device type of its tensors;
/// `static constexpr bool supports_capture = true`, if CUDA graphs can capture its collectives.
/// **Example** `hone::ProcessGroup group = hone::Gloo{.timeout = 30s};`
template <class C>
concept Communicator = std::copy_constructible<C> && std::convertible_to<const C&, const ProcessGroup&>;
static_assert(Communicator<ProcessGroup> && !Communicator<int>);

}  // namespace hone
