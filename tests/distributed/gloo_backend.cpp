// SPDX-License-Identifier: Apache-2.0
/// Tests of how collectives of the Gloo backend fail and are interrupted.
#include "hone/distributed/gloo_backend.hpp"

#include <ATen/ops/ones.h>
#include <unistd.h>

#include "hone/distributed/gloo.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using hone::Placement;

TEST_CASE("BrokenPipesAreErrors makes a write to a closed pipe fail without SIGPIPE") {
  sigset_t before, after;
  pthread_sigmask(SIG_BLOCK, nullptr, &before);
  {
    const hone::detail::BrokenPipesAreErrors guard;
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    ::close(ends[0]);
    CHECK(::write(ends[1], "x", 1) == -1);
    ::close(ends[1]);
  }
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  CHECK(sigismember(&before, SIGPIPE) == sigismember(&after, SIGPIPE));
}

TEST_CASE("GlooOutcome keeps its first result, completion or interruption") {
  const auto made = [](hone::detail::GlooOutcome& outcome) { return [&outcome] { outcome.future()->waitAndThrow(); }; };
  const auto done = c10::make_intrusive<c10::ivalue::Future>(c10::ListType::create(c10::TensorType::get()));
  done->markCompleted(c10::IValue(std::vector<at::Tensor>{at::ones({2})}));
  hone::detail::GlooOutcome one, other;
  one.become(*done);
  one.interrupt();
  CHECK_NOTHROW(made(one)());
  CHECK(one.future()->value().toTensorVector().size() == 1);
  other.interrupt();
  other.become(*done);
  CHECK_THROWS_WITH(made(other)(), Contains("gloo was interrupted"));
}

TEST_CASE("a blocked collective can be interrupted, and its group is destroyed without waiting") {
  hone::require_ranks(2, 20s, [](const Placement& placement) {
    const auto begin = std::chrono::steady_clock::now();
    {
      const hone::ProcessGroup group = hone::Gloo{.placement = placement, .timeout = 20s};
      group.barrier();
      if (placement.rank == 0) {
        auto values = at::ones({4});
        auto pending = group.begin_all_reduce(values, hone::Reduction::sum, "all-reduce");
        std::thread other([&] {
          std::this_thread::sleep_for(200ms);
          dynamic_cast<hone::detail::GlooBackend&>(*group.handle()->getDefaultBackend()).interruption()();
        });
        CHECK_THROWS_WITH(pending.wait(), Contains("rank 1 did not arrive but did respond") && Contains("interrupted"));
        other.join();
      } else {
        std::this_thread::sleep_for(4s);
        CHECK_THROWS_WITH(group.barrier(), Contains("Rank 1 of 2 aborted the barrier"));
      }
    }
    CHECK(std::chrono::steady_clock::now() - begin < 5s);
  });
}

}  // namespace
