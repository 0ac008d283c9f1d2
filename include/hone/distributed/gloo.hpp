// SPDX-License-Identifier: Apache-2.0
/// A communicator over TCP, with the gloo inside LibTorch. It requires no launcher.
#pragma once

#include <chrono>
#include <string>

#include "hone/distributed/communicator.hpp"
#include "hone/distributed/launcher.hpp"
#include "hone/distributed/process_group.hpp"

namespace hone {

/// A group of plain processes over TCP. Rank 0 serves the store for the rendezvous, at the placement's address and
/// port. Construction forms the group and is collective; see `Communicator`.
///
/// **Units** timeout: of one collective, and of the rendezvous. A rank that arrives later is an error.
/// **Errors** on construction: `std::invalid_argument` for a placement or a setting out of range. `DistributedError`
/// when another program uses the port, when the ranks have different world sizes, when two processes have the same
/// rank, and when a rank does not arrive or cannot connect.
/// **Example** `hone::ProcessGroup group = hone::Gloo{}; group.all_reduce(tensor);` in each process that `torchrun`,
/// `mpirun`, `srun` or `scripts/launch` started; `hone::Ddp{hone::Gloo{.timeout = 30s}}` in a trainer.
struct Gloo {
  const Placement placement = hone::placement();  ///< Default: from the launcher's environment.
  const std::chrono::milliseconds timeout = std::chrono::minutes(5);
  /// The network interface, such as "eth0". Empty: GLOO_SOCKET_IFNAME, or else the interface on the route to rank 0.
  const std::string interface = {};
  const int threads = 2;  ///< Collectives that run concurrently. More of them hide more of the network's latency.

  const ProcessGroup group = formed();  ///< Not a setting: formed with the settings above.
  operator const ProcessGroup&() const { return group; }

 private:
  [[nodiscard]] ProcessGroup formed() const;
};
static_assert(Communicator<Gloo>);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/distributed/gloo.ipp"
#endif
