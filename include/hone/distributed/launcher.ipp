// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "hone/core/config.hpp"
#include "hone/core/fnv1a.hpp"
#include "hone/core/format_message.hpp"
#include "hone/distributed/launcher.hpp"
#include "hone/distributed/slurm.hpp"

namespace hone {

namespace detail {

/// Returns the value of an environment variable; null if it is unset or empty.
[[nodiscard]] inline const char* variable(const char* name) {
  const char* const text = std::getenv(name);
  return text != nullptr && *text != '\0' ? text : nullptr;
}

/// Returns the number in an environment variable, which must be set.
[[nodiscard]] inline int number_in(const char* name, int least, int most) {
  const std::string_view text = variable(name);
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < least || number > most) {
    throw std::invalid_argument(
        format_message("{} is `{}`. Set it to a number from {} to {}.", {name, text, least, most}));
  }
  return number;
}

/// The names of the environment variables of a rank and of the number of ranks.
struct RankAndSize {
  const char* rank;
  const char* size;

  /// Returns whether both are set. Throws `std::invalid_argument` if only one is.
  [[nodiscard]] bool are_set() const {
    const char* const set = variable(rank) != nullptr ? rank : size;
    const char* const other = set == rank ? size : rank;
    if (variable(set) == nullptr) return false;
    if (variable(other) == nullptr) {
      throw std::invalid_argument(
          format_message("{} is `{}`, but {} is not set. Launchers set both: set {} as well, or unset {}.",
                         {set, variable(set), other, other, set}));
    }
    return true;
  }
  void read(int& into_rank, int& into_size, int most) const {
    into_size = number_in(size, 1, most);
    into_rank = number_in(rank, 0, into_size - 1);
  }
};

struct LauncherVariables {
  RankAndSize world, local;
};

[[nodiscard]] inline LauncherVariables variables_of(Launcher launcher) {
  switch (launcher) {
    case Launcher::openmpi:
      return {{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
              {"OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"}};
    case Launcher::mpich:
      return {{"PMI_RANK", "PMI_SIZE"}, {"MPI_LOCALRANKID", "MPI_LOCALNRANKS"}};
    case Launcher::slurm:
      return {{"SLURM_PROCID", variable("SLURM_STEP_NUM_TASKS") != nullptr ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS"},
              {"SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"}};
    default:
      return {{"RANK", "WORLD_SIZE"}, {"LOCAL_RANK", "LOCAL_WORLD_SIZE"}};
  }
}

/// Reads the local rank and size from Slurm, which has a list of the sizes on all nodes instead of a variable for one
/// node.
inline void read_local_of_slurm(const RankAndSize& local, Placement& place) {
  const int node = variable("SLURM_NODEID") == nullptr ? 0 : number_in("SLURM_NODEID", 0, place.world_size - 1);
  const auto tasks = tasks_of_node(variable(local.size), node);
  if (!tasks) {
    throw std::invalid_argument(
        format_message("{} is `{}`, which has no number of tasks for node {}. Keep the value that srun sets.",
                       {local.size, variable(local.size), node}));
  }
  place.local_world_size = *tasks;
  place.local_rank = number_in(local.rank, 0, *tasks - 1);
}

[[nodiscard]] inline std::string address_of_step() {
  const char* nodes = variable("SLURM_STEP_NODELIST");
  if (nodes == nullptr) nodes = variable("SLURM_JOB_NODELIST");
  return nodes == nullptr ? "" : first_host(nodes);
}

/// Returns a port from 15000 to 31999, below the ephemeral ports of Linux, the same for all processes of a job.
[[nodiscard]] constexpr int port_of_job(std::string_view job) { return static_cast<int>(15'000 + fnv1a(job) % 17'000); }

}  // namespace detail

HONE_INLINE Launcher launcher() {
  const auto has = [](const char* one, const char* other) {
    return detail::variable(one) != nullptr || detail::variable(other) != nullptr;
  };
  if (has("RANK", "WORLD_SIZE")) return Launcher::torchrun;
  if (has("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE")) return Launcher::openmpi;
  const bool is_step = detail::variable("SLURM_STEP_ID") != nullptr && detail::variable("SLURM_PROCID") != nullptr;
  // srun may set PMI_RANK too, for MPICH programs, but not MPI_LOCALRANKID, which MPICH's own launcher sets.
  if (has("PMI_RANK", "PMI_SIZE") && (!is_step || detail::variable("MPI_LOCALRANKID") != nullptr))
    return Launcher::mpich;
  return is_step ? Launcher::slurm : Launcher::none;
}

HONE_INLINE Placement placement() {
  using detail::variable;
  const Launcher by = launcher();
  Placement place;
  if (by == Launcher::none) return place;

  const auto [world, local] = detail::variables_of(by);
  if (world.are_set()) world.read(place.rank, place.world_size, 1 << 24);

  const std::string address = variable("MASTER_ADDR") == nullptr ? "" : variable("MASTER_ADDR");
  if (local.are_set()) {
    if (by == Launcher::slurm) {
      detail::read_local_of_slurm(local, place);
    } else {
      local.read(place.local_rank, place.local_world_size, place.world_size);
    }
  } else if (address == "localhost" || address.starts_with("127.") || address == "::1") {
    place.local_rank = place.rank;
    place.local_world_size = place.world_size;
  }
  const bool is_one_machine = place.local_world_size == place.world_size;

  if (!address.empty()) {
    place.address = address;
  } else if (!is_one_machine) {
    place.address = by == Launcher::slurm ? detail::address_of_step() : "";
    if (place.address.empty()) {
      throw std::invalid_argument(
          format_message("{} is {}, but MASTER_ADDR is not set. Set it to the host of rank 0, or to 127.0.0.1 if all "
                         "processes run on one machine.",
                         {world.size, place.world_size}));
    }
  }

  if (variable("MASTER_PORT") != nullptr) {
    place.port = detail::number_in("MASTER_PORT", 1, 65'535);
  } else if (by == Launcher::torchrun && !is_one_machine) {
    throw std::invalid_argument(
        format_message("{} is {}, but MASTER_PORT is not set. Set it to a free port of {}, such as 29500.",
                       {world.size, place.world_size, place.address}));
  } else if (by == Launcher::slurm) {
    const char* const job = variable("SLURM_JOB_ID");
    place.port = detail::port_of_job(format_message("{}.{}", {job == nullptr ? "" : job, variable("SLURM_STEP_ID")}));
  } else if (by == Launcher::openmpi && variable("PMIX_NAMESPACE") != nullptr) {
    place.port = detail::port_of_job(variable("PMIX_NAMESPACE"));
  }
  const char* const agent = variable("TORCHELASTIC_USE_AGENT_STORE");
  place.has_store = by == Launcher::torchrun && agent != nullptr && std::string_view(agent) == "True";
  return place;
}

}  // namespace hone
