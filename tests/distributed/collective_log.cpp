// SPDX-License-Identifier: Apache-2.0
/// Tests that compare the collective logs of two ranks over a store in one process.
#include "hone/distributed/collective_log.hpp"

#include <array>
#include <string>
#include <thread>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using hone::detail::CollectiveLog;
using hone::detail::CollectivePurpose;

struct Group {
  c10::intrusive_ptr<c10d::Store> store = c10::make_intrusive<c10d::HashStore>();
  std::array<CollectiveLog, 2> logs{};

  void both(const char* kind, std::int64_t size) {
    for (auto& log : logs) {
      log.begin(kind, size, at::kFloat);
      log.end();
    }
  }
  /// With `has_failed`, logs are compared immediately instead of after a second.
  bool find(int rank, bool has_failed = true) {
    return logs[static_cast<std::size_t>(rank)].find_difference(*store, rank, has_failed);
  }
  [[nodiscard]] std::string found() const { return store->get_to_str(CollectiveLog::key); }
};

TEST_CASE("find_difference names the first call that differs, with the call of each rank", "[collective_log]") {
  Group group;
  for (int i = 0; i < 20; ++i) group.both("all-reduce", 3);
  {
    const CollectivePurpose purpose("all-gather of texts");
    group.logs[0].begin("all-gather", 2, at::kLong);
  }
  group.logs[1].begin("all-reduce", 1000, at::kFloat);
  group.logs[1].begin("broadcast", 5, at::kFloat);
  CHECK_FALSE(group.find(0));
  CHECK_FALSE(group.store->check({CollectiveLog::key}));
  CHECK(group.find(1));
  CHECK_THAT(
      group.found(),
      Contains("Call 21 of the group is the all-gather of texts (all-gather of 2 Long elements) on rank 0, and the "
               "all-reduce of 1000 Float elements on rank 1."));
  CHECK_FALSE(group.find(1));  // reported once
}

TEST_CASE("calls differ if their kind, size, dtype or purpose differs", "[collective_log]") {
  const auto differ = [](auto&& one, auto&& other) {
    Group group;
    one(group.logs[0]);
    other(group.logs[1]);
    CHECK_FALSE(group.find(0));
    return group.find(1);
  };
  const auto call = [](const char* kind, std::int64_t size, at::ScalarType type, const char* purpose) {
    return [=](CollectiveLog& log) {
      const CollectivePurpose of(purpose);
      log.begin(kind, size, type);
    };
  };
  const auto first = call("all-reduce", 3, at::kFloat, "norm");
  CHECK_FALSE(differ(first, call("all-reduce", 3, at::kFloat, "norm")));
  CHECK(differ(first, call("reduce", 3, at::kFloat, "norm")));
  CHECK(differ(first, call("all-reduce", 4, at::kFloat, "norm")));
  CHECK(differ(first, call("all-reduce", 3, at::kDouble, "norm")));
  CHECK(differ(first, call("all-reduce", 3, at::kFloat, "loss")));
  const std::string long_purpose(100, 'x');  // truncated
  CHECK_FALSE(differ(call("all-reduce", 3, at::kFloat, long_purpose.c_str()),
                     call("all-reduce", 3, at::kFloat, long_purpose.c_str())));
}

TEST_CASE("a rank that has not made its next call yet is not a difference", "[collective_log]") {
  Group group;
  group.both("all-reduce", 3);
  group.logs[0].begin("all-reduce", 3, at::kFloat);
  CHECK_FALSE(group.find(0));
  CHECK_FALSE(group.find(1));
}

TEST_CASE("calls are compared after waiting for a second, and each is posted to the store once", "[collective_log]") {
  Group group;
  const auto keys = group.store->getNumKeys();
  group.both("all-reduce", 3);
  CHECK_FALSE(group.find(0, /*has_failed=*/false));
  group.logs[0].begin("all-gather", 3, at::kFloat);
  CHECK_FALSE(group.find(0, false));
  CHECK(group.store->getNumKeys() == keys);
  std::this_thread::sleep_for(1050ms);
  CHECK_FALSE(group.find(0, false));
  const auto posted = group.store->getNumKeys();
  CHECK(posted == keys + 2);
  group.logs[0].end();
  CHECK_FALSE(group.find(0, false));
  group.logs[0].begin("all-gather", 3, at::kFloat);
  CHECK_FALSE(group.find(0, false));
  std::this_thread::sleep_for(1050ms);
  CHECK_FALSE(group.find(0, false));
  CHECK(group.store->getNumKeys() == posted + 1);  // three calls, each once

  group.logs[1].begin("all-reduce", 8, at::kFloat);
  CHECK_FALSE(group.find(1, false));
  std::this_thread::sleep_for(1050ms);
  CHECK(group.find(1, false));
}

TEST_CASE("calls that differ in kind, size, dtype or position have different tags", "[collective_log]") {
  const auto tag = [](std::int64_t size, const char* kind = "all-reduce", at::ScalarType type = at::kFloat) {
    return CollectiveLog().begin(kind, size, type);
  };
  CHECK(tag(3) == tag(3));
  CHECK(tag(3) != tag(4));
  CHECK(tag(3) != tag(3, "broadcast"));
  CHECK(tag(3) != tag(3, "all-reduce", at::kDouble));
  CollectiveLog log;
  CHECK(log.begin("all-reduce", 3, at::kFloat) != log.begin("all-reduce", 3, at::kFloat));
}

}  // namespace
