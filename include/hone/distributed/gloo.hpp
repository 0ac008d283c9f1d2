// SPDX-License-Identifier: Apache-2.0
/// Processes that find each other over TCP and need nobody to start them together: the gloo inside LibTorch.
#pragma once

#include <chrono>
#include <string>

#include "hone/distributed/communicator.hpp"
#include "hone/distributed/launcher.hpp"
#include "hone/distributed/process_group.hpp"

namespace hone {

/// Plain processes over TCP. Rank 0 keeps the store in which they meet, at the placement's address and port. The group
/// is formed when it is made; see `Communicator`.
///
/// **Units** timeout: of one collective, and of the meeting; a process that comes later than that is an error.
/// **Errors** on construction: `std::invalid_argument` for a placement or a setting out of range, `DistributedError`
/// when the port is taken, when the processes do not agree on how many they are, when two are of one rank, or when one
/// does not come.
/// **Example** `hone::ProcessGroup group = hone::Gloo{}; group.all_reduce(tensor);` in each process that `torchrun`,
/// `mpirun`, `srun` or `scripts/launch` started; `hone::Ddp{hone::Gloo{.timeout = 30s}}` in a trainer.
struct Gloo {
  Placement placement = hone::placement();  ///< Who this process is: as the launcher says.
  std::chrono::milliseconds timeout = std::chrono::minutes(5);
  /// Of the network, such as "eth0"; empty: GLOO_SOCKET_IFNAME, else the one that leads to rank 0.
  std::string interface = {};
  int threads = 2;  ///< Collectives that are under way at once. More hide more of a network's latency.

  ProcessGroup group = formed();  ///< Not to be given.
  operator const ProcessGroup&() const { return group; }

 private:
  [[nodiscard]] ProcessGroup formed() const;
};
static_assert(Communicator<Gloo>);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/distributed/gloo.ipp"
#endif
