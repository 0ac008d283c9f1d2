// SPDX-License-Identifier: Apache-2.0
/// Processes that have a GPU each: LibTorch's collectives over NCCL.
///
/// Needs a build with CUDA (`HONE_WITH_CUDA=ON`) and NCCL's header, which comes with LibTorch's Python wheel
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
#include "hone/core/sentence.hpp"
#include "hone/distributed/communicator.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/distributed/process_group.hpp"

namespace hone {

namespace detail {

/// LibTorch asks that its connections are closed before they are destroyed.
class NcclBackend : public c10d::ProcessGroupNCCL {
 public:
  using ProcessGroupNCCL::ProcessGroupNCCL;
  ~NcclBackend() override { shutdown(); }
};

}  // namespace detail

/// A group in which each process has a GPU of its own, and tensors go from GPU to GPU. Those of the CPU go by the GPU.
///
/// Its processes find each other over any other group, or as `Gloo` does, and go on to agree over it on what the hosts
/// know, such as stops. A time-out on
/// the GPU comes to LibTorch's own watchdog, which ends the process.
///
/// **Units** timeout: of one collective, and of the meeting.
/// **Errors** on construction, in every process: `DistributedError` when a process has no GPU for itself, or when the
/// program was compiled with the header of another NCCL than LibTorch's.
/// **Example** `hone::Ddp{hone::Nccl{}}`, or over MPI `hone::Ddp{hone::Nccl{.over = hone::Mpi{}}}`
struct Nccl {
  static constexpr at::DeviceType device_type = at::kCUDA;
  static constexpr bool can_be_recorded = true;

  std::chrono::milliseconds timeout = std::chrono::minutes(5);
  std::optional<ProcessGroup> over = {};  ///< The group over which the processes meet; none: `Gloo`.
  int device = -1;             ///< The GPU of this process; -1: its place among the processes of its machine.
  bool high_priority = false;  ///< Collectives go before other work of the GPU.

  ProcessGroup group = formed();  ///< Not to be given.
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
    const auto hosts = over.gather_texts(host, "gather of host names");
    int before = 0;
    for (int rank = 0; rank < over.rank(); ++rank) before += hosts[static_cast<std::size_t>(rank)] == host ? 1 : 0;
    return before;
  }

  /// All processes come to the same end: none waits for one that has given up.
  static void require_gpus(const ProcessGroup& over, int device) {
    const int num_gpus = c10::cuda::device_count();
    const auto [major, minor, patch] = c10d::getNcclVersionTuple();
    std::string wrong;
    if (device >= num_gpus) {
      wrong = sentence(
          "would take GPU {} of its machine, where LibTorch finds {}. Start no more processes than GPUs, and "
          "look at the driver (nvidia-smi) and CUDA_VISIBLE_DEVICES.",
          {device, num_gpus});
    } else if (major != NCCL_MAJOR || minor != NCCL_MINOR) {
      wrong = sentence(
          "has a program that was compiled with nccl.h of {}.{}, and LibTorch has NCCL {}.{}.{}. Put the "
          "header that came with LibTorch first.",
          {NCCL_MAJOR, NCCL_MINOR, major, minor, patch});
    }
    const auto all = over.gather_texts(wrong, "gather of GPUs");
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
      if (!all[rank].empty()) throw DistributedError(sentence("Nccl: rank {} of {} {}", {rank, all.size(), all[rank]}));
    }
  }
};
static_assert(Communicator<Nccl>);

}  // namespace hone
