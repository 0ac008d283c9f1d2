// SPDX-License-Identifier: Apache-2.0
/// What processes that train together use to exchange tensors.
///
/// | communicator | between | use it |
/// | --- | --- | --- |
/// | `Gloo` | plain processes, over TCP | CPU; no launcher needed |
/// | `Mpi` (`hone/distributed/mpi.hpp`) | the ranks of an `MPI_Comm` | CPU; programs that use MPI already |
/// | `Nccl` (`hone/distributed/nccl.hpp`) | GPUs | CUDA |
#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <string_view>
#include <vector>

namespace hone {

/// How numbers of several processes become one.
enum class Reduction { sum, max, min };

/// A group of processes. All calls are collective: every process of the group makes them, in the same order. They
/// block, and throw `DistributedError` when a process fails or does not come. Copies are the same group.
template <class C>
concept Communicator = std::copyable<C> && requires(C& group, const at::Tensor& values, Reduction how, int root) {
  { group.rank() } -> std::same_as<int>;
  { group.world_size() } -> std::same_as<int>;
  group.all_reduce(values, how);                                     // in place
  group.broadcast(values, root);                                     // in place
  { group.gather(values) } -> std::same_as<std::vector<at::Tensor>>;  // from all, to all; lengths may differ
  group.barrier();
  group.fail(std::string_view{});  // tells the others why this process leaves
  group.shutdown();
  group.handle();  // the c10d::ProcessGroup, null for one process
};

}  // namespace hone
