// SPDX-License-Identifier: Apache-2.0
/// The rank and rendezvous address of this process, from the environment variables of its launcher.
///
/// | launcher | started with | rank, world size | rank and size on the machine |
/// |---|---|---|---|
/// | `torchrun` | `torchrun --no-python`, `scripts/launch` | `RANK`, `WORLD_SIZE` | `LOCAL_RANK`, `LOCAL_WORLD_SIZE` |
/// | `openmpi` | Open MPI's `mpirun` | `OMPI_COMM_WORLD_RANK`, `..._SIZE` | `..._LOCAL_RANK`, `..._LOCAL_SIZE` |
/// | `mpich` | `mpirun` of MPICH and its derivatives | `PMI_RANK`, `PMI_SIZE` | `MPI_LOCALRANKID`, `MPI_LOCALNRANKS` |
/// | `slurm` | `srun` | `SLURM_PROCID`, `SLURM_STEP_NUM_TASKS` | `SLURM_LOCALID`, `SLURM_STEP_TASKS_PER_NODE` |
/// | `none` | without a launcher: a single process | | |
///
/// Processes started by hand use the variables of `torchrun`. If several launchers match, the first in this order is
/// used: `RANK` is set explicitly, and an `mpirun` in a Slurm job starts processes that Slurm does not count. A Slurm
/// batch script is not a rank, although its `SLURM_PROCID` is 0 and its `SLURM_NTASKS` is the number of tasks of the
/// job: only `srun` creates a step and sets `SLURM_STEP_ID`. The shell of `salloc` may be a step, with one task.
#pragma once

#include <string>
#include <string_view>

namespace hone {

/// The program that started this process.
enum class Launcher {
  none,      ///< None: a single process.
  torchrun,  ///< `torchrun`, `scripts/launch`, or variables that are set by hand.
  openmpi,   ///< Open MPI's `mpirun`.
  mpich,     ///< `mpirun` of MPICH and its derivatives.
  slurm,     ///< `srun`.
};

[[nodiscard]] constexpr std::string_view to_string(Launcher launcher) {
  switch (launcher) {
    case Launcher::none:
      return "none";
    case Launcher::torchrun:
      return "torchrun";
    case Launcher::openmpi:
      return "openmpi";
    case Launcher::mpich:
      return "mpich";
    case Launcher::slurm:
      return "slurm";
  }
  return "unknown";
}

/// The rank of a process and the address of the rendezvous.
struct Placement {
  int rank = 0;                       ///< From 0 to world_size - 1.
  int world_size = 1;                 ///< Number of processes.
  int local_rank = 0;                 ///< Rank among the processes on this machine.
  int local_world_size = 1;           ///< Number of processes on this machine.
  std::string address = "127.0.0.1";  ///< Host name or IP address of the machine of rank 0.
  int port = 29500;                   ///< TCP port at that address.
  bool has_store = false;             ///< True if the launcher serves a c10d store there. Rank 0 is then a client too.

  friend bool operator==(const Placement&, const Placement&) = default;
};

/// Returns the launcher whose environment variables are set.
[[nodiscard]] Launcher launcher();

/// Returns the placement of this process, from its environment.
///
/// With every launcher, `MASTER_ADDR` and `MASTER_PORT` set the rendezvous. Their defaults:
///
/// - The address is 127.0.0.1 on one machine, and with `srun` on several machines the first host of
///   `SLURM_STEP_NODELIST` (or `SLURM_JOB_NODELIST`).
/// - The port is 29500, except for Open MPI and Slurm. It is then 15000 plus a hash of the job (`PMIX_NAMESPACE`;
///   `SLURM_JOB_ID` and `SLURM_STEP_ID`) modulo 17000, to separate two jobs on a machine.
///
/// Without `LOCAL_RANK` and `LOCAL_WORLD_SIZE`, all ranks are assumed to be on one machine if `MASTER_ADDR` is a
/// loopback address, and each on a separate machine otherwise.
///
/// **Errors** `std::invalid_argument` when only one of a rank and its size is set, when a value is not a number or out
/// of range, and when ranks on several machines have no `MASTER_ADDR` or, with `torchrun`, no `MASTER_PORT`.
[[nodiscard]] Placement placement();

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/distributed/launcher.ipp"
#endif
