// SPDX-License-Identifier: Apache-2.0
/// What processes say of each other when something goes wrong, over a store in one process.
#include "hone/distributed/failures.hpp"

#include <memory>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "hone/distributed/failure_log.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using hone::Failures;
using Clock = std::chrono::steady_clock;

struct Group {
  c10::intrusive_ptr<c10d::Store> store = c10::make_intrusive<c10d::HashStore>();

  [[nodiscard]] std::unique_ptr<Failures> member(int rank, int size, std::chrono::milliseconds timeout = 2s) const {
    return std::make_unique<Failures>(store, rank, size, timeout);
  }
};

double seconds(Clock::time_point since) { return std::chrono::duration<double>(Clock::now() - since).count(); }

/// A store that never answers, as when the machine of rank 0 has stopped.
struct DeafStore : c10d::HashStore {
  bool check(const std::vector<std::string>&) override {
    std::this_thread::sleep_for(8s);
    return false;
  }
};
/// One that is gone.
struct LostStore : c10d::HashStore {
  bool check(const std::vector<std::string>&) override { throw std::runtime_error("gone"); }
};

TEST_CASE("a log is read as it was written, and what is none does no harm") {
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

TEST_CASE("a reason arrives with the rank's name, at once") {
  const Group group;
  const auto zero = group.member(0, 3), one = group.member(1, 3), two = group.member(2, 3);
  const auto begin = Clock::now();
  one->publish("the disk is full.");
  one->publish("a second reason");
  CHECK(zero->explain("all-reduce of gradients", "Connection closed by peer") ==
        "Rank 0 of 3 left the all-reduce of gradients: Rank 1 failed: the disk is full.");
  CHECK_THAT(two->explain("barrier", "reset"),
             Contains("Rank 2 of 3 left the barrier: Rank 1 failed: the disk is full."));
  CHECK(seconds(begin) < 1.0);
}

TEST_CASE("who was killed is told from who is late, and who left in order from both") {
  const Group group;
  const auto zero = group.member(0, 3), two = group.member(2, 3);
  auto begin = Clock::now();
  {
    auto one = group.member(1, 3);
    std::thread other([&] { static_cast<void>(two->explain("barrier", "reset")); });
    CHECK_THAT(zero->explain("barrier", "reset"),
               Contains("rank 1 did not come but did answer") && Contains("2000 ms"));
    CHECK(seconds(begin) < 2.5);
    other.join();
  }
  const Group again;
  const auto first = again.member(0, 3);
  begin = Clock::now();
  again.member(2, 3)->leave();
  CHECK_THAT(first->explain("barrier", "reset"), Contains("rank 2 left the group in order before."));
  CHECK(seconds(begin) < 0.5);
  const Group third;
  const auto alone = third.member(0, 4);
  begin = Clock::now();
  CHECK_THAT(alone->explain("barrier", "reset"), Contains("ranks 1, 2, 3 did not come and did not answer"));
  CHECK(seconds(begin) > 0.9);
  CHECK(seconds(begin) < 1.5);
}

TEST_CASE("when all came, it was the connection") {
  const Group group;
  const auto zero = group.member(0, 2), one = group.member(1, 2);
  std::thread other([&] { static_cast<void>(one->explain("barrier", "reset")); });
  CHECK(zero->explain("barrier", "cable cut") ==
        "Rank 0 of 2 left the barrier: no process says that it failed. (cable cut)");
  other.join();
}

TEST_CASE("a store that is gone, or does not answer, holds nobody up") {
  hone::require_ranks(1, 20s, [](const hone::Placement&) {  // a thread stays behind
    const auto lost = std::make_unique<Failures>(c10::make_intrusive<LostStore>(), 1, 2, 2s);
    CHECK_THAT(lost->explain("barrier", "reset"),
               Contains("rank 0, which keeps the store of the group, does not answer."));
    auto begin = Clock::now();
    auto deaf = std::make_unique<Failures>(c10::make_intrusive<DeafStore>(), 1, 2, 1s);
    std::this_thread::sleep_for(400ms);  // the thread is in the store now
    CHECK_THAT(deaf->explain("barrier", "reset"),
               Contains("rank 0, which keeps the store of the group, does not answer."));
    deaf->publish("whatever");
    deaf.reset();
    CHECK(seconds(begin) < 4.0);
  });
}

TEST_CASE("leaving is quick, twice too, and rank 0 waits for the others") {
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
