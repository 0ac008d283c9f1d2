// SPDX-License-Identifier: Apache-2.0
/// Tests of failure detection between ranks, with a store in one process.
#include "hone/distributed/failure_detector.hpp"

#include <memory>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "hone/distributed/failure_log.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using hone::FailureDetector;
using Clock = std::chrono::steady_clock;

struct Group {
  c10::intrusive_ptr<c10d::Store> store = c10::make_intrusive<c10d::HashStore>();

  [[nodiscard]] std::unique_ptr<FailureDetector> member(int rank, int size,
                                                        std::chrono::milliseconds timeout = 2s) const {
    return std::make_unique<FailureDetector>(store, rank, size, timeout);
  }
};

double seconds(Clock::time_point since) { return std::chrono::duration<double>(Clock::now() - since).count(); }

/// A store whose `check` blocks for 8 s, as if the machine of rank 0 had stopped.
struct DeafStore : c10d::HashStore {
  bool check(const std::vector<std::string>&) override {
    std::this_thread::sleep_for(8s);
    return false;
  }
};
/// A store whose connection is lost.
struct LostStore : c10d::HashStore {
  bool check(const std::vector<std::string>&) override { throw std::runtime_error("gone"); }
};

TEST_CASE("log lines round-trip, and malformed lines are ignored") {
  using namespace hone::detail;
  const auto heard =
      heard_in(line_of('F', 2, "out of memory.\nstack") + line_of('W', 0, "barrier") + line_of('A', 1, "here") +
                   "F 7 nobody\nF x y\n\nF\nZ 1 z\n" + line_of('L', 3, "left") + line_of('E', 0, ""),
               4);
  CHECK(heard[2].failed == "out of memory.");
  CHECK(heard[0].waits == "barrier");
  CHECK(heard[0].ended);
  CHECK(heard[1].answers);
  CHECK(heard[1].failed.empty());
  CHECK(heard[3].left);
  CHECK(heard_in(line_of('F', 0, ""), 1)[0].failed == "no reason was given.");
}

TEST_CASE("explain returns the first reason that a rank published, with its rank, within 1 s") {
  const Group group;
  const auto zero = group.member(0, 3), one = group.member(1, 3), two = group.member(2, 3);
  const auto begin = Clock::now();
  one->publish("the disk is full.");
  one->publish("a second reason");
  CHECK(zero->explain("all-reduce of gradients", "Connection closed by peer") ==
        "Rank 0 of 3 aborted the all-reduce of gradients: Rank 1 failed: the disk is full.");
  CHECK_THAT(two->explain("barrier", "reset"),
             Contains("Rank 2 of 3 aborted the barrier: Rank 1 failed: the disk is full."));
  CHECK(seconds(begin) < 1.0);
}

TEST_CASE("explain distinguishes ranks that were killed, ranks that are late and ranks that left the group") {
  const Group group;
  const auto zero = group.member(0, 3), two = group.member(2, 3);
  auto begin = Clock::now();
  {
    auto one = group.member(1, 3);
    std::thread other([&] { static_cast<void>(two->explain("barrier", "reset")); });
    CHECK_THAT(zero->explain("barrier", "reset"),
               Contains("rank 1 did not arrive but did respond") && Contains("2000 ms"));
    CHECK(seconds(begin) < 2.5);
    other.join();
  }
  const Group again;
  const auto first = again.member(0, 3);
  begin = Clock::now();
  again.member(2, 3)->leave();
  CHECK_THAT(first->explain("barrier", "reset"), Contains("rank 2 had already left the group without an error."));
  CHECK(seconds(begin) < 0.5);
  const Group third;
  const auto alone = third.member(0, 4);
  begin = Clock::now();
  CHECK_THAT(alone->explain("barrier", "reset"), Contains("ranks 1, 2, 3 did not arrive and did not respond"));
  CHECK(seconds(begin) > 0.9);
  CHECK(seconds(begin) < 1.5);
}

TEST_CASE("explain reports the connection error if every rank reached the collective") {
  const Group group;
  const auto zero = group.member(0, 2), one = group.member(1, 2);
  std::thread other([&] { static_cast<void>(one->explain("barrier", "reset")); });
  CHECK(zero->explain("barrier", "cable cut") ==
        "Rank 0 of 2 aborted the barrier: no rank reported a failure. (cable cut)");
  other.join();
}

TEST_CASE("a lost or unresponsive store does not block explain, publish or the destructor") {
  hone::require_ranks(1, 20s, [](const hone::Placement&) {  // a process, because a thread outlives the test
    const auto lost = std::make_unique<FailureDetector>(c10::make_intrusive<LostStore>(), 1, 2, 2s);
    CHECK_THAT(lost->explain("barrier", "reset"),
               Contains("rank 0, which hosts the store of the group, does not respond."));
    auto begin = Clock::now();
    auto deaf = std::make_unique<FailureDetector>(c10::make_intrusive<DeafStore>(), 1, 2, 1s);
    std::this_thread::sleep_for(400ms);  // the thread is inside `check` now
    CHECK_THAT(deaf->explain("barrier", "reset"),
               Contains("rank 0, which hosts the store of the group, does not respond."));
    deaf->publish("whatever");
    deaf.reset();
    CHECK(seconds(begin) < 4.0);
  });
}

TEST_CASE("leave can be called twice, and rank 0 waits until the other ranks have left") {
  const Group group;
  auto zero = group.member(0, 2), one = group.member(1, 2);
  const auto begin = Clock::now();
  std::thread other([&] {
    std::this_thread::sleep_for(300ms);
    one->leave();
    one->leave();
  });
  zero->leave();
  CHECK(seconds(begin) > 0.25);
  CHECK(seconds(begin) < 1.0);
  other.join();
}

}  // namespace
