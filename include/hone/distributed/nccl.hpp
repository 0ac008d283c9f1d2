// SPDX-License-Identifier: Apache-2.0
/// A communicator between GPUs, over LibTorch's NCCL backend.
///
/// Requires a build with CUDA (`HONE_WITH_CUDA=ON`) and NCCL's header, which comes with LibTorch's Python wheel
/// (`nvidia/nccl/include`).
#pragma once

#ifndef HONE_WITH_CUDA
#error "hone: hone/distributed/nccl.hpp needs CUDA. Configure with -DHONE_WITH_CUDA=ON."
#endif
#if !__has_include(<nccl.h>)
#error \
    "hone: nccl.h was not found. It is in the folder nvidia/nccl/include beside torch in site-packages: add it to CPATH."
#endif
#ifndef USE_C10D_NCCL
#define USE_C10D_NCCL
#endif

#include <c10/cuda/CUDAFunctions.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#include <tuple>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/distributed/communicator.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/distributed/process_group.hpp"

namespace hone {

namespace detail {

/// Calls `shutdown` before the destruction, as LibTorch requires.
class NcclBackend : public c10d::ProcessGroupNCCL {
 public:
  using ProcessGroupNCCL::ProcessGroupNCCL;
  ~NcclBackend() override { shutdown(); }
};

}  // namespace detail

/// A group in which each rank has one GPU, and tensors are sent between GPUs. CPU tensors are sent through the GPU.
///
/// Construction forms the group over another group, `Gloo` by default, and is collective. The other group also
/// carries the numbers of the host, such as stop flags. On a time-out of the GPU, LibTorch's watchdog ends the process.
///
/// **Units** timeout: of one collective, and of the rendezvous.
/// **Errors** on construction, on every rank: `DistributedError` when the GPU of a rank does not exist, or when the
/// program was compiled with the header of another version (major or minor) of NCCL than LibTorch's.
/// **Example** `hone::Ddp{hone::Nccl{}}`, or over MPI `hone::Ddp{hone::Nccl{.over = hone::Mpi{}}}`
struct Nccl {
  static constexpr at::DeviceType device_type = at::kCUDA;
  static constexpr bool supports_capture = true;

  const std::chrono::milliseconds timeout = std::chrono::minutes(5);
  const std::optional<ProcessGroup> over = {};  ///< The group for the rendezvous; none: `Gloo`.
  const int device = -1;                        ///< The GPU of this process; -1: its rank on its machine.
  const bool high_priority = false;             ///< Runs collectives on streams of high priority.

  const ProcessGroup group = formed();  ///< Not a setting: formed with the settings above.
  operator const ProcessGroup&() const { return group; }

 private:
  [[nodiscard]] ProcessGroup formed() const {
    const ProcessGroup host = over ? *over : ProcessGroup(Gloo{.timeout = timeout});
    const int gpu = device >= 0 ? device : rank_on_machine(host);
    require_gpus(host, gpu);
    detail::Connection connection{.rank = host.rank(),
                                  .world_size = host.world_size(),
                                  .device = at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(gpu)),
                                  .timeout = timeout,
                                  .type = c10d::ProcessGroup::NCCL};
    if (connection.world_size == 1) return ProcessGroup(std::move(connection));
    static std::atomic<int> count = 0;
    connection.store = c10::make_intrusive<c10d::PrefixStore>("nccl/" + std::to_string(count++), host.store());
    const auto own = c10d::ProcessGroupNCCL::Options::create(high_priority);
    own->timeout = timeout;
    auto backend =
        c10::make_intrusive<detail::NcclBackend>(connection.store, connection.rank, connection.world_size, own);
    backend->setBoundDeviceId(connection.device);
    connection.backend = std::move(backend);
    connection.host = &host;
    return ProcessGroup(std::move(connection));
  }

  static int rank_on_machine(const ProcessGroup& over) {
    char host[256] = {};
    gethostname(host, sizeof host - 1);
    const auto hosts = over.all_gather_strings(host, "all-gather of host names");
    int before = 0;
    for (int rank = 0; rank < over.rank(); ++rank) before += hosts[static_cast<std::size_t>(rank)] == host ? 1 : 0;
    return before;
  }

  /// Throws the same `DistributedError` on every rank if one rank cannot use its GPU, so that no rank waits for it.
  static void require_gpus(const ProcessGroup& over, int device) {
    const int num_gpus = c10::cuda::device_count();
    const auto [major, minor, patch] = c10d::getNcclVersionTuple();
    std::string wrong;
    if (device >= num_gpus) {
      wrong = format_message(
          "needs GPU {} of its machine, but the number of GPUs is {}. Start at most one process for each GPU, and "
          "check the driver (nvidia-smi) and CUDA_VISIBLE_DEVICES.",
          {device, num_gpus});
    } else if (major != NCCL_MAJOR || minor != NCCL_MINOR) {
      wrong = format_message(
          "was compiled with nccl.h {}.{}, but LibTorch has NCCL {}.{}.{}. Put LibTorch's nccl.h first in the include "
          "path.",
          {NCCL_MAJOR, NCCL_MINOR, major, minor, patch});
    }
    const auto all = over.all_gather_strings(wrong, "all-gather of GPUs");
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
      if (!all[rank].empty())
        throw DistributedError(format_message("Nccl: rank {} of {} {}", {rank, all.size(), all[rank]}));
    }
  }
};
static_assert(Communicator<Nccl>);

}  // namespace hone
