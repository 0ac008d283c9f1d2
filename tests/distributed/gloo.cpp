// SPDX-License-Identifier: Apache-2.0
/// Tests of the rendezvous of ranks and its errors.
#include "hone/distributed/gloo.hpp"

#include <ATen/ops/ones.h>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/ranks.hpp"

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using hone::Placement;

/// The message that this rank's attempt to form a group throws, and the seconds that it took.
struct Refusal {
  std::string text = {};
  double seconds = 0.0;
};
Refusal refusal(const Placement& placement, std::chrono::milliseconds timeout = 10s,
                const std::string& interface = "") {
  const auto begin = std::chrono::steady_clock::now();
  Refusal met{"It formed a group."};
  try {
    const hone::ProcessGroup group = hone::Gloo{.placement = placement, .timeout = timeout, .interface = interface};
  } catch (const std::exception& error) {
    met.text = error.what();
  }
  met.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return met;
}

/// A program that listens on a port and never answers.
class OtherProgram {
 public:
  OtherProgram() : port(hone::detail::free_port()), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket_, 8) == 0);
  }
  OtherProgram(const OtherProgram&) = delete;
  OtherProgram& operator=(const OtherProgram&) = delete;
  ~OtherProgram() { ::close(socket_); }

  const int port;

 private:
  int socket_;
};

TEST_CASE("an invalid placement throws std::invalid_argument, and a single rank needs no rendezvous") {
  const auto refused = [](Placement placement, const std::string& text) {
    CHECK_THROWS_AS(hone::Gloo{.placement = placement}, std::invalid_argument);
    CHECK(refusal(placement).text == text);
  };
  refused({.rank = 2, .world_size = 2},
          "Gloo: rank is 2 and world_size is 2. Set rank to a number from 0 to world_size - 1.");
  refused({.rank = -1, .world_size = 2},
          "Gloo: rank is -1 and world_size is 2. Set rank to a number from 0 to world_size - 1.");
  refused({.rank = 0, .world_size = 0},
          "Gloo: rank is 0 and world_size is 0. Set rank to a number from 0 to world_size - 1.");
  refused({.rank = 0, .world_size = 2, .port = 70'000}, "Gloo: port is 70000. Set it to a number from 1 to 65535.");
  CHECK_THAT(refusal({.rank = 0, .world_size = 2}, 0ms).text, Contains("Gloo: timeout is 0 ms."));

  const hone::ProcessGroup alone = hone::Gloo{.placement = {.port = -1}};
  CHECK(alone.handle() == nullptr);
  alone.barrier();
  alone.shutdown();
}

TEST_CASE("Gloo throws if the launcher's environment is incomplete") {
  const LauncherEnvironment half(LauncherEnvironment::Variables{{"RANK", "1"}});
  CHECK_THROWS_WITH(hone::Gloo{}, Contains("RANK is `1`, but WORLD_SIZE is not set."));
}

TEST_CASE("a port that another program uses is named in the error of every rank") {
  const OtherProgram other;
  hone::require_ranks(2, 20s, [&](Placement placement) {
    placement.port = other.port;
    const auto met = refusal(placement, 1s);
    const auto port = std::to_string(other.port);
    if (placement.rank == 0) {
      CHECK(met.text == "Rank 0 cannot create the store of the group on port " + port +
                            ": another program uses it. Set MASTER_PORT or Placement::port to a free port.");
      CHECK(met.seconds < 0.5);
    } else {
      CHECK_THAT(met.text, Contains("Rank 1 of 2 cannot reach the store of rank 0 at 127.0.0.1:" + port) &&
                               Contains("does not respond as a store") && Contains("MASTER_PORT"));
      CHECK(met.seconds < 2.0);
    }
  });
}

TEST_CASE("ranks with different world sizes all throw within 2 s") {
  hone::require_ranks(4, 20s, [](Placement placement) {
    if (placement.rank == 2) std::this_thread::sleep_for(300ms);
    placement.world_size = placement.rank == 3 ? 5 : 4;
    const auto met = refusal(placement);
    CHECK_THAT(met.text, Contains("has world size 5") && Contains("has world size 4") && Contains("WORLD_SIZE"));
    CHECK(met.seconds < 2.0);
  });
}

TEST_CASE("two processes with the same rank both throw, and the missing rank is named") {
  hone::require_ranks(3, 20s, [](Placement placement) {
    placement.rank = placement.rank == 0 ? 0 : 1;
    const auto met = refusal(placement, 1s);
    CHECK_THAT(met.text, placement.rank == 1
                             ? Contains("Two processes have rank 1. Set RANK or Placement::rank to a different number")
                             : Contains("Rank 2 of 3 did not arrive within 1000 ms"));
    CHECK(met.seconds < 2.5);
  });
}

TEST_CASE("missing ranks, including rank 0, are named in the error after the timeout") {
  hone::require_ranks(4, 20s, [](const Placement& placement) {
    if (placement.rank == 1 || placement.rank == 3) return;
    const auto met = refusal(placement, 1s);
    CHECK(met.text ==
          "Rank 1, 3 of 4 did not arrive within 1000 ms, which Gloo::timeout sets. Start it, or correct WORLD_SIZE.");
    CHECK(met.seconds < 2.5);
  });
  hone::require_ranks(2, 20s, [](const Placement& placement) {
    if (placement.rank == 0) return;
    const auto met = refusal(placement, 1s);
    CHECK_THAT(met.text, Contains("Rank 1 of 2 cannot reach the store of rank 0 at 127.0.0.1:") &&
                             Contains("1000 ms") && Contains("Connection refused") && Contains("Start rank 0"));
    CHECK(met.seconds < 2.0);
  });
}

TEST_CASE("an unreachable host and an unknown network interface are named in the error") {
  hone::require_ranks(2, 60s, [](Placement placement) {
    auto nowhere = placement;
    nowhere.address = "240.0.0.1";
    CHECK_THAT(refusal(nowhere, 1s).text,
               Contains("cannot reach the store of rank 0 at 240.0.0.1:") && Contains("MASTER_ADDR"));
  });
  hone::require_ranks(2, 60s, [](const Placement& placement) {
    const auto met = refusal(placement, 2s, placement.rank == 0 ? "eth77" : "");
    const auto own = "Rank " + std::to_string(placement.rank) + " of 2 cannot connect to the other ranks from ";
    CHECK_THAT(met.text,
               Contains(own + (placement.rank == 0 ? "eth77" : "127.0.0.1")) && Contains("GLOO_SOCKET_IFNAME"));
  });
}

TEST_CASE("a group forms with a late rank after an attempt that timed out") {
  hone::require_ranks(3, 20s, [](const Placement& placement) {
    if (placement.rank == 2) {
      std::this_thread::sleep_for(900ms);
    } else {
      CHECK_THAT(refusal(placement, 400ms).text, Contains("did not arrive within 400 ms"));
    }
    if (placement.rank == 0) std::this_thread::sleep_for(100ms);
    const hone::ProcessGroup group = hone::Gloo{.placement = placement, .timeout = 5s};
    auto one = at::ones({1});
    group.all_reduce(one);
    CHECK(one.item<float>() == 3.0F);
  });
}

}  // namespace
