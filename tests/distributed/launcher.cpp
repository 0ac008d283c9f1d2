// SPDX-License-Identifier: Apache-2.0
/// Tests with the environment variables that these launchers set: torchrun (PyTorch 2.11), mpirun (Open MPI 4.1,
/// MPICH 4.0), and srun, sbatch and salloc (Slurm 22.05).
#include "hone/distributed/launcher.hpp"

#include "support/catch.hpp"
#include "support/environment.hpp"

using namespace hone;
using Variables = LauncherEnvironment::Variables;

static_assert(to_string(Launcher::none) == "none" && to_string(Launcher::torchrun) == "torchrun" &&
              to_string(Launcher::openmpi) == "openmpi" && to_string(Launcher::mpich) == "mpich" &&
              to_string(Launcher::slurm) == "slurm");

namespace {

const Variables torchrun{{"RANK", "1"},
                         {"WORLD_SIZE", "2"},
                         {"LOCAL_RANK", "1"},
                         {"LOCAL_WORLD_SIZE", "2"},
                         {"GROUP_RANK", "0"},
                         {"GROUP_WORLD_SIZE", "1"},
                         {"MASTER_ADDR", "localhost"},
                         {"MASTER_PORT", "34073"},
                         {"TORCHELASTIC_RESTART_COUNT", "0"},
                         {"TORCHELASTIC_RUN_ID", "4458f267-71f6-484f-ac4b-e05622941f32"},
                         {"TORCHELASTIC_USE_AGENT_STORE", "True"}};

const Variables openmpi{{"OMPI_COMM_WORLD_RANK", "1"},       {"OMPI_COMM_WORLD_SIZE", "2"},
                        {"OMPI_COMM_WORLD_LOCAL_RANK", "1"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                        {"OMPI_COMM_WORLD_NODE_RANK", "1"},  {"OMPI_UNIVERSE_SIZE", "2"},
                        {"PMIX_NAMESPACE", "834011137"},     {"PMIX_RANK", "1"}};

const Variables mpich{{"PMI_RANK", "1"},        {"PMI_SIZE", "2"},        {"PMI_FD", "8"},
                      {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}, {"MPIR_CVAR_CH3_INTERFACE_HOSTNAME", "vm"}};

// Task 6 of srun -N 4 -n 7, in a job of 7 nodes.
const Variables slurm{{"SLURM_JOB_ID", "4711"},
                      {"SLURM_JOB_NODELIST", "node[02-07,12]"},
                      {"SLURM_NNODES", "4"},
                      {"SLURM_NODEID", "3"},
                      {"SLURM_NTASKS", "7"},
                      {"SLURM_PROCID", "6"},
                      {"SLURM_LOCALID", "0"},
                      {"SLURM_STEP_ID", "0"},
                      {"SLURM_STEP_NODELIST", "node[03-05,12]"},
                      {"SLURM_STEP_NUM_NODES", "4"},
                      {"SLURM_STEP_NUM_TASKS", "7"},
                      {"SLURM_STEP_TASKS_PER_NODE", "2(x3),1"},
                      {"SLURM_TASKS_PER_NODE", "2(x3),1"}};

/// The batch script of sbatch -N 2 -n 8.
const Variables slurm_batch{{"SLURM_JOB_ID", "4711"},
                            {"SLURM_JOB_NODELIST", "node[03-04]"},
                            {"SLURM_NODEID", "0"},
                            {"SLURM_NTASKS", "8"},
                            {"SLURM_PROCID", "0"},
                            {"SLURM_LOCALID", "0"},
                            {"SLURM_TASKS_PER_NODE", "4(x2)"}};

/// The shell of salloc -N 2 -n 8, which runs as a separate job step.
const Variables slurm_shell{{"SLURM_JOB_ID", "4711"},
                            {"SLURM_JOB_NODELIST", "node[03-04]"},
                            {"SLURM_NODEID", "0"},
                            {"SLURM_NTASKS", "8"},
                            {"SLURM_PROCID", "0"},
                            {"SLURM_LOCALID", "0"},
                            {"SLURM_STEP_ID", "4294967290"},
                            {"SLURM_STEP_NODELIST", "node03"},
                            {"SLURM_STEP_NUM_TASKS", "1"},
                            {"SLURM_STEP_TASKS_PER_NODE", "1"},
                            {"SLURM_TASKS_PER_NODE", "4(x2)"}};

Variables with(Variables variables, const Variables& others) {
  variables.insert(variables.end(), others.begin(), others.end());
  return variables;
}

Launcher launcher_in(const Variables& variables) {
  const LauncherEnvironment environment(variables);
  return launcher();
}

Placement placement_in(const Variables& variables) {
  const LauncherEnvironment environment(variables);
  return placement();
}

std::string refusal_in(const Variables& variables) {
  try {
    static_cast<void>(placement_in(variables));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("without a launcher, the placement is rank 0 of 1", "[launcher]") {
  const auto variables = GENERATE(Variables{}, Variables{{"MASTER_ADDR", "node1"}, {"MASTER_PORT", "1234"}},
                                  Variables{{"RANK", ""}, {"WORLD_SIZE", ""}}, slurm_batch);
  CHECK(launcher_in(variables) == Launcher::none);
  CHECK(placement_in(variables) == Placement{});
}

TEST_CASE("torchrun: RANK, WORLD_SIZE, LOCAL_*, MASTER_* and the agent's store give the placement", "[launcher]") {
  CHECK(launcher_in(torchrun) == Launcher::torchrun);
  CHECK(placement_in(torchrun) == Placement{1, 2, 1, 2, "localhost", 34073, true});
  CHECK(placement_in(with(torchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "False"}})) ==
        Placement{1, 2, 1, 2, "localhost", 34073, false});
  CHECK(placement_in(with(torchrun, {{"RANK", "5"}, {"WORLD_SIZE", "8"}, {"MASTER_ADDR", "node1"}})) ==
        Placement{5, 8, 1, 2, "node1", 34073, true});
}

TEST_CASE("missing variables are derived from the variables that are set, if these determine them", "[launcher]") {
  CHECK(placement_in({{"RANK", "0"}, {"WORLD_SIZE", "1"}}) == Placement{});
  CHECK(placement_in({{"RANK", "2"}, {"WORLD_SIZE", "3"}, {"LOCAL_RANK", "2"}, {"LOCAL_WORLD_SIZE", "3"}}) ==
        Placement{2, 3, 2, 3, "127.0.0.1", 29500});
  CHECK(placement_in({{"RANK", "2"}, {"WORLD_SIZE", "3"}, {"MASTER_ADDR", "127.0.0.1"}}) ==
        Placement{2, 3, 2, 3, "127.0.0.1", 29500});
  CHECK(placement_in({{"RANK", "2"}, {"WORLD_SIZE", "3"}, {"MASTER_ADDR", "localhost"}, {"MASTER_PORT", "7000"}}) ==
        Placement{2, 3, 2, 3, "localhost", 7000});
  CHECK(placement_in({{"RANK", "2"}, {"WORLD_SIZE", "3"}, {"MASTER_ADDR", "node1"}, {"MASTER_PORT", "7000"}}) ==
        Placement{2, 3, 0, 1, "node1", 7000});
}

TEST_CASE("Open MPI: OMPI_* variables give ranks, and PMIX_NAMESPACE the port", "[launcher]") {
  CHECK(launcher_in(openmpi) == Launcher::openmpi);
  const auto place = placement_in(openmpi);
  CHECK(place == Placement{1, 2, 1, 2, "127.0.0.1", place.port});
  CHECK(place.port == placement_in(with(openmpi, {{"OMPI_COMM_WORLD_RANK", "0"}, {"PMIX_RANK", "0"}})).port);
  CHECK(place.port != placement_in(with(openmpi, {{"PMIX_NAMESPACE", "834011138"}})).port);
  CHECK(placement_in(with(openmpi, {{"PMIX_NAMESPACE", ""}})).port == 29500);
  CHECK(placement_in(with(openmpi, {{"MASTER_PORT", "7000"}, {"MASTER_ADDR", "node1"}})) ==
        Placement{1, 2, 1, 2, "node1", 7000});
  CHECK(placement_in(with(openmpi, {{"OMPI_COMM_WORLD_SIZE", "4"}, {"MASTER_ADDR", "node1"}})) ==
        Placement{1, 4, 1, 2, "node1", place.port});
}

TEST_CASE("MPICH: PMI_* and MPI_* variables give ranks", "[launcher]") {
  CHECK(launcher_in(mpich) == Launcher::mpich);
  CHECK(placement_in(mpich) == Placement{1, 2, 1, 2, "127.0.0.1", 29500});
  CHECK(placement_in(with(mpich, {{"PMI_SIZE", "4"}, {"MASTER_ADDR", "node1"}})) ==
        Placement{1, 4, 1, 2, "node1", 29500});
}

TEST_CASE("srun: SLURM_* variables give ranks and the address, and the job and step ids the port", "[launcher]") {
  CHECK(launcher_in(slurm) == Launcher::slurm);
  const auto place = placement_in(slurm);
  CHECK(place == Placement{6, 7, 0, 1, "node03", place.port});
  CHECK(placement_in(with(slurm, {{"SLURM_PROCID", "3"}, {"SLURM_NODEID", "1"}, {"SLURM_LOCALID", "1"}})) ==
        Placement{3, 7, 1, 2, "node03", place.port});
  CHECK(place.port != placement_in(with(slurm, {{"SLURM_STEP_ID", "1"}})).port);
  CHECK(place.port != placement_in(with(slurm, {{"SLURM_JOB_ID", "4712"}})).port);
  CHECK(place.port >= 15'000);
  CHECK(place.port < 32'000);
  CHECK(placement_in(with(slurm, {{"SLURM_STEP_NODELIST", ""}})).address == "node02");
  CHECK(placement_in(with(slurm, {{"MASTER_ADDR", "node12"}, {"MASTER_PORT", "7000"}})) ==
        Placement{6, 7, 0, 1, "node12", 7000});
  const auto one_machine =
      with(slurm, {{"SLURM_NODEID", "0"}, {"SLURM_LOCALID", "6"}, {"SLURM_STEP_TASKS_PER_NODE", "7"}});
  CHECK(placement_in(one_machine) == Placement{6, 7, 6, 7, "127.0.0.1", place.port});
}

TEST_CASE("the shell of salloc is a job step of one task, independent of the job's tasks", "[launcher]") {
  CHECK(launcher_in(slurm_shell) == Launcher::slurm);
  CHECK(placement_in(slurm_shell).rank == 0);
  CHECK(placement_in(slurm_shell).world_size == 1);
  CHECK(placement_in(slurm_shell).local_world_size == 1);
}

TEST_CASE("torchrun has precedence over Open MPI, then MPICH, then srun", "[launcher]") {
  const auto all = with(with(with(slurm, mpich), openmpi), torchrun);
  CHECK(launcher_in(all) == Launcher::torchrun);
  CHECK(launcher_in(with(with(slurm, mpich), openmpi)) == Launcher::openmpi);
  CHECK(launcher_in(with(slurm, mpich)) == Launcher::mpich);
  CHECK(launcher_in(with(slurm_batch, openmpi)) == Launcher::openmpi);
  CHECK(launcher_in(with(slurm_batch, mpich)) == Launcher::mpich);
  CHECK(placement_in(all) == placement_in(torchrun));
  CHECK(placement_in(with(slurm_batch, openmpi)) == placement_in(openmpi));
  // srun --mpi=pmi2 sets these in addition to SLURM_*.
  CHECK(launcher_in(with(slurm, {{"PMI_RANK", "6"}, {"PMI_SIZE", "7"}, {"PMI_FD", "8"}})) == Launcher::slurm);
}

TEST_CASE("an incomplete environment throws std::invalid_argument that names the missing variable", "[launcher]") {
  CHECK(refusal_in({{"RANK", "1"}}) ==
        "RANK is `1`, but WORLD_SIZE is not set. Launchers set both: set WORLD_SIZE as well, or unset RANK.");
  CHECK(refusal_in(with(openmpi, {{"WORLD_SIZE", "2"}})) ==
        "WORLD_SIZE is `2`, but RANK is not set. Launchers set both: set RANK as well, or unset WORLD_SIZE.");
  CHECK(refusal_in({{"RANK", "1"}, {"WORLD_SIZE", "2"}}) ==
        "WORLD_SIZE is 2, but MASTER_ADDR is not set. Set it to the host of rank 0, or to 127.0.0.1 if all processes "
        "run on one machine.");
  CHECK(refusal_in({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "node1"}}) ==
        "WORLD_SIZE is 2, but MASTER_PORT is not set. Set it to a free port of node1, such as 29500.");
  CHECK(
      refusal_in(with(torchrun, {{"LOCAL_WORLD_SIZE", ""}})) ==
      "LOCAL_RANK is `1`, but LOCAL_WORLD_SIZE is not set. Launchers set both: set LOCAL_WORLD_SIZE as well, or unset "
      "LOCAL_RANK.");
  CHECK(refusal_in(with(openmpi, {{"OMPI_COMM_WORLD_SIZE", "4"}})) ==
        "OMPI_COMM_WORLD_SIZE is 4, but MASTER_ADDR is not set. Set it to the host of rank 0, or to 127.0.0.1 if all "
        "processes run on one machine.");
  CHECK(refusal_in(with(mpich, {{"PMI_RANK", ""}})).starts_with("PMI_SIZE is `2`, but PMI_RANK is not set."));
  CHECK(refusal_in(with(slurm, {{"SLURM_LOCALID", ""}}))
            .starts_with("SLURM_STEP_TASKS_PER_NODE is `2(x3),1`, but SLURM_LOCALID"));
  CHECK(refusal_in(with(slurm, {{"SLURM_STEP_NUM_TASKS", ""}, {"SLURM_NTASKS", ""}}))
            .starts_with("SLURM_PROCID is `6`, but SLURM_NTASKS is not set."));
}

TEST_CASE("a variable that is not a number of the valid range throws std::invalid_argument", "[launcher]") {
  CHECK(refusal_in(with(torchrun, {{"RANK", "two"}})) == "RANK is `two`. Set it to a number from 0 to 1.");
  CHECK(refusal_in(with(torchrun, {{"RANK", "2"}})) == "RANK is `2`. Set it to a number from 0 to 1.");
  for (const char* rank : {"-1", "1.0", " 1", "1 ", "0x1", "+1", "99999999999999999999"}) {
    CAPTURE(rank);
    CHECK(refusal_in(with(torchrun, {{"RANK", rank}})).starts_with("RANK is `"));
  }
  for (const char* size : {"0", "-2", "many"}) {
    CAPTURE(size);
    CHECK(refusal_in(with(torchrun, {{"WORLD_SIZE", size}})).starts_with("WORLD_SIZE is `"));
  }
  for (const char* port : {"0", "65536", "-1", "http"}) {
    CAPTURE(port);
    CHECK(refusal_in(with(torchrun, {{"MASTER_PORT", port}})) ==
          "MASTER_PORT is `" + std::string(port) + "`. Set it to a number from 1 to 65535.");
  }
  CHECK(refusal_in(with(torchrun, {{"LOCAL_RANK", "2"}})) == "LOCAL_RANK is `2`. Set it to a number from 0 to 1.");
  CHECK(refusal_in(with(torchrun, {{"LOCAL_WORLD_SIZE", "3"}})) ==
        "LOCAL_WORLD_SIZE is `3`. Set it to a number from 1 to 2.");
  CHECK(refusal_in(with(slurm, {{"SLURM_NODEID", "4"}})) ==
        "SLURM_STEP_TASKS_PER_NODE is `2(x3),1`, which has no number of tasks for node 4. Keep the value that srun "
        "sets.");
  CHECK(refusal_in(with(slurm, {{"SLURM_LOCALID", "1"}})) == "SLURM_LOCALID is `1`. Set it to a number from 0 to 0.");
}
