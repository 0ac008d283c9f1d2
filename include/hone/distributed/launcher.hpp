// SPDX-License-Identifier: Apache-2.0
/// Which process this is among those that were started together, as the environment has it.
///
/// | launcher | who starts the processes | rank, world size, rank and size on the machine |
/// |---|---|---|
/// | `torchrun` | `torchrun --no-python`, `scripts/launch`, by hand | `RANK`, `WORLD_SIZE`, `LOCAL_RANK`,
/// `LOCAL_WORLD_SIZE` | | `openmpi` | `mpirun` of Open MPI | `OMPI_COMM_WORLD_RANK`, `..._SIZE`, `..._LOCAL_RANK`,
/// `..._LOCAL_SIZE` | | `mpich` | `mpirun` of MPICH and its kin | `PMI_RANK`, `PMI_SIZE`, `MPI_LOCALRANKID`,
/// `MPI_LOCALNRANKS` | | `slurm` | `srun` | `SLURM_PROCID`, `SLURM_STEP_NUM_TASKS`, `SLURM_LOCALID`,
/// `SLURM_STEP_TASKS_PER_NODE` | | `none` | nobody: this process is alone | |
///
/// The first of them that is seen counts, in this order: who sets `RANK` means it, and an `mpirun` in a job of Slurm
/// starts more processes than Slurm knows of. A batch script of Slurm is no rank of many: its `SLURM_PROCID` is 0 and
/// its `SLURM_NTASKS` is that of the job, but only `srun` makes a step and sets `SLURM_STEP_ID`. The shell of `salloc`
/// may be a step, of one task.
#pragma once

#include <string>
#include <string_view>

namespace hone {

enum class Launcher { none, torchrun, openmpi, mpich, slurm };

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

/// A process among those that train together, and where they meet.
struct Placement {
  int rank = 0;                       ///< Of this process, from 0.
  int world_size = 1;                 ///< Processes in all.
  int local_rank = 0;                 ///< Of this process among those on its machine.
  int local_world_size = 1;           ///< Processes on this machine.
  std::string address = "127.0.0.1";  ///< Host name or IP address of the machine of rank 0.
  int port = 29500;                   ///< TCP port at that address.
  bool has_store = false;             ///< The launcher keeps a c10d store there, which rank 0 joins as all others do.

  friend bool operator==(const Placement&, const Placement&) = default;
};

/// Whose environment this process has.
[[nodiscard]] Launcher launcher();

/// The place of this process, by its environment.
///
/// `MASTER_ADDR` and `MASTER_PORT` say where the processes meet, whoever started them. Where they are not set:
///
/// - processes on one machine meet at 127.0.0.1, those of `srun` at the first host of `SLURM_STEP_NODELIST`;
/// - the port is 29500, but for Open MPI and Slurm it follows from the job's name (`PMIX_NAMESPACE`; `SLURM_JOB_ID` and
///   `SLURM_STEP_ID`), so that two jobs on a machine do not meet.
///
/// Without `LOCAL_RANK` and `LOCAL_WORLD_SIZE`, the processes are taken to be on one machine when `MASTER_ADDR` is that
/// of the loopback, and on a machine each otherwise.
///
/// **Errors** `std::invalid_argument` for a variable that is missing beside the others, is no number or out of range,
/// and when processes on several machines are not told where to meet.
[[nodiscard]] Placement placement();

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/distributed/launcher.ipp"
#endif
