// SPDX-License-Identifier: Apache-2.0
/// Training with several ranks, separate from `hone.hpp` so that a single-process program does not compile it. MPI and
/// NCCL have separate headers: `hone/distributed/mpi.hpp` and `hone/distributed/nccl.hpp`.
#pragma once

#include "hone/callbacks/straggler_detector.hpp"
#include "hone/distributed/communicator.hpp"
#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/distributed/launcher.hpp"
#include "hone/distributed/zero.hpp"
