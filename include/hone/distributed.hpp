// SPDX-License-Identifier: Apache-2.0
/// Training with many processes: what `hone.hpp` leaves out, so that who trains alone does not compile it. MPI and NCCL are
/// headers of their own: `hone/distributed/mpi.hpp`, `hone/distributed/nccl.hpp`.
#pragma once

#include "hone/callbacks/warn_of_slow_ranks.hpp"
#include "hone/distributed/communicator.hpp"
#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/distributed/launcher.hpp"
#include "hone/distributed/zero.hpp"
