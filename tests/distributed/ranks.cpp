// SPDX-License-Identifier: Apache-2.0
/// Tests of the tests' `run_ranks`: exit status, output and time limit of forked ranks.
#include "support/ranks.hpp"

#include <array>
#include <cerrno>

using namespace std::chrono_literals;
using hone::Placement;
using hone::require_ranks;
using hone::run_ranks;

namespace {

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// True if this process has no child, not even a zombie.
bool has_no_child() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

}  // namespace

TEST_CASE("each rank gets its placement", "[ranks]") {
  hone::Shared<std::array<int, 4>> ports;
  const int base = 40;
  require_ranks(4, 10s, [&](const Placement& placement) {
    REQUIRE(placement.world_size == 4);
    REQUIRE(placement.local_rank == placement.rank);
    REQUIRE(placement.local_world_size == 4);
    REQUIRE(placement.address == "127.0.0.1");
    REQUIRE(at::get_num_threads() == 1);
    (*ports)[static_cast<std::size_t>(placement.rank)] = placement.port + base + placement.rank;
  });
  const int port = (*ports)[0] - base;
  REQUIRE(port > 1024);
  for (int rank = 0; rank < 4; ++rank) REQUIRE((*ports)[static_cast<std::size_t>(rank)] == port + base + rank);
  REQUIRE(has_no_child());
}

TEST_CASE("a rank that throws fails with the type and message of the exception", "[ranks]") {
  const auto outcome = run_ranks(3, 10s, [](const Placement& placement) {
    std::printf("rank %d speaks\n", placement.rank);
    if (placement.rank == 1) throw std::invalid_argument("world is flat.");
  });
  REQUIRE_FALSE(outcome.ended_well());
  REQUIRE(outcome[0].ended_well());
  REQUIRE(outcome[2].ended_well());
  REQUIRE(outcome[1].exit_code == 1);
  REQUIRE(outcome[1].exception == "std::invalid_argument");
  REQUIRE(outcome[1].message == "world is flat.");
  REQUIRE(outcome[1].output == "rank 1 speaks\n");
  REQUIRE(mentions(outcome.text(), "rank 1 ended with 1"));
  REQUIRE(mentions(outcome.text(), "std::invalid_argument: world is flat."));
}

TEST_CASE("a rank with a failed assertion fails", "[ranks]") {
  const auto outcome = run_ranks(3, 10s, [](const Placement& placement) {
    if (placement.rank == 0) CHECK(placement.rank == 17);
    if (placement.rank == 1) REQUIRE(placement.rank == 18);
  });
  REQUIRE(outcome[0].exit_code == 1);
  REQUIRE(mentions(outcome[0].output, "0 == 17"));
  REQUIRE(outcome[1].exit_code == 1);
  REQUIRE(mentions(outcome[1].output, "1 == 18"));
  REQUIRE(outcome[1].exception == "assertion");
  REQUIRE(outcome[2].ended_well());
}

TEST_CASE("only the rank that exceeds the time limit is killed", "[ranks]") {
  const auto outcome = run_ranks(2, 1s, [](const Placement& placement) {
    if (placement.rank == 1) {
      std::puts("waiting");
      std::fflush(stdout);
      for (;;) ::pause();
    }
  });
  REQUIRE(outcome[0].ended_well());
  REQUIRE(outcome[0].seconds < 1.0);
  REQUIRE(outcome[1].timed_out);
  REQUIRE(outcome[1].signal == SIGKILL);
  REQUIRE(outcome[1].output == "waiting\n");
  REQUIRE(outcome[1].seconds >= 1.0);
  REQUIRE(mentions(outcome.text(), "rank 1 was still running at the limit"));
  REQUIRE(has_no_child());
}

TEST_CASE("require_ranks accepts ranks that are expected to fail or be killed", "[ranks]") {
  require_ranks(4, 10s,
                [](const Placement& placement) {
                  if (placement.rank == 0) ::kill(::getpid(), SIGKILL);
                  if (placement.rank == 1) throw std::runtime_error("rank 0 is gone.");
                  if (placement.rank == 2) ::kill(::getpid(), SIGUSR1);
                },
                {{.rank = 0, .signal = SIGKILL}, {.rank = 1, .message = "rank 0"}, {.rank = 2, .signal = SIGUSR1}});
}

TEST_CASE("ranks do not destroy static objects of the test", "[ranks]") {
  static hone::Shared<int> destroyed;
  static const std::shared_ptr<int> watched{new int(3), [](const int* value) {
                                              delete value;
                                              ++*destroyed;
                                            }};
  require_ranks(2, 10s, [](const Placement&) { REQUIRE(*watched == 3); });
  REQUIRE(*destroyed == 0);
}

TEST_CASE("run_ranks throws std::logic_error if the test has threads", "[ranks]") {
  std::thread thread([] { std::this_thread::sleep_for(50ms); });
  REQUIRE_THROWS_AS(run_ranks(1, 10s, [](const Placement&) {}), std::logic_error);
  thread.join();
  require_ranks(1, 10s, [](const Placement&) {});
}
