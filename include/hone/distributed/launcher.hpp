// SPDX-License-Identifier: Apache-2.0
/// Which process this is among those that were started together.
#pragma once

#include <string>

namespace hone {

/// A process among those that train together, and where they meet.
struct Placement {
  int rank = 0;                       ///< Of this process, from 0.
  int world_size = 1;                 ///< Processes in all.
  int local_rank = 0;                 ///< Of this process among those on its machine.
  int local_world_size = 1;           ///< Processes on this machine.
  std::string address = "127.0.0.1";  ///< Host name or IP address of the machine of rank 0.
  int port = 29500;                   ///< TCP port at that address.
};

}  // namespace hone
