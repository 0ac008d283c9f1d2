// SPDX-License-Identifier: Apache-2.0
/// Tests of ProcessGroup. The results of collectives are compared with closed-form expressions.
#include "hone/distributed/process_group.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <type_traits>

#include "hone/distributed/gloo.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using hone::Placement;
using hone::Reduction;

static_assert(!std::is_default_constructible_v<hone::ProcessGroup>);
static_assert(hone::Communicator<hone::Gloo>);

hone::ProcessGroup group(const Placement& placement) { return hone::Gloo{.placement = placement, .timeout = 10s}; }

std::string message_of(const auto& f) {
  try {
    f();
  } catch (const hone::DistributedError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST_CASE("all_reduce, broadcast and reduce are correct for all dtypes, and for strided, 0-d and negated tensors") {
  for (const int n : {1, 2, 3, 4}) {
    hone::require_ranks(n, 60s, [](const Placement& placement) {
      const auto all = group(placement);
      const int rank = all.rank(), size = all.world_size();
      for (const auto type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kInt, at::kLong, at::kByte}) {
        INFO(type << " in rank " << rank << " of " << size);
        const auto own = at::arange(5, at::kInt).add(rank).to(type);  // i + rank
        auto sum = own.clone(), least = own.clone(), most = own.clone(), sent = own.clone();
        all.all_reduce(sum);
        CHECK(at::equal(sum, at::arange(5, at::kInt).mul(size).add(size * (size - 1) / 2).to(type)));
        all.all_reduce(least, Reduction::min);
        CHECK(at::equal(least, at::arange(5, at::kInt).to(type)));
        all.all_reduce(most, Reduction::max);
        CHECK(at::equal(most, at::arange(5, at::kInt).add(size - 1).to(type)));
        all.broadcast(sent, size - 1);
        CHECK(at::equal(sent, at::arange(5, at::kInt).add(size - 1).to(type)));
      }
      // Strided and 0-dimensional tensors.
      auto whole = at::ones({3, 4}), column = whole.select(1, 2), one = at::ones({});
      all.all_reduce(column);
      all.all_reduce(one);
      CHECK(whole.sum().item<float>() == 9.0F + 3.0F * static_cast<float>(size));
      CHECK(one.item<float>() == static_cast<float>(size));
      // A tensor with the negative bit: the values in memory have the opposite sign.
      const auto negated = at::_neg_view(at::full({2}, -3.0));
      all.all_reduce(negated);
      CHECK(negated[0].item<float>() == 3.0F * static_cast<float>(size));
      if (size > 1) {
        auto reduced = at::ones({2});
        all.begin_reduce(reduced, 0, "reduce").wait();
        if (rank == 0) CHECK(reduced[0].item<float>() == static_cast<float>(size));
      }
      all.barrier();
      all.shutdown();
    });
  }
}

TEST_CASE("all_gather supports a different first dimension on each rank, and empty tensors and texts") {
  for (const int n : {1, 2, 3, 4}) {
    hone::require_ranks(n, 60s, [](const Placement& placement) {
      const auto all = group(placement);
      const int rank = all.rank(), size = all.world_size();
      const auto parts = all.all_gather(at::ones({rank, 2}, at::kLong) * rank);
      REQUIRE(parts.size() == static_cast<std::size_t>(size));
      for (int other = 0; other < size; ++other) {
        CHECK(at::equal(parts[static_cast<std::size_t>(other)], at::ones({other, 2}, at::kLong) * other));
      }
      for (const auto& none : all.all_gather(at::ones({0, 3}))) CHECK(none.sizes() == at::IntArrayRef({0, 3}));
      const auto numbers = all.all_gather(at::ones({}, at::kBool));
      CHECK(numbers.back().dim() == 0);
      CHECK(numbers.back().scalar_type() == at::kBool);
      const auto counts = all.all_gather_int64((1LL << 53) + 1 + rank);  // 2^53 + 1 is not representable as a double
      for (int other = 0; other < size; ++other)
        CHECK(counts[static_cast<std::size_t>(other)] == (1LL << 53) + 1 + other);
      const auto texts = all.all_gather_strings(rank == 1 ? "" : "rank " + std::to_string(rank));
      for (int other = 0; other < size; ++other) {
        CHECK(texts[static_cast<std::size_t>(other)] == (other == 1 ? "" : "rank " + std::to_string(other)));
      }
      for (const auto& text : all.all_gather_strings("")) CHECK(text.empty());
    });
  }
}

TEST_CASE("all_gather throws on every rank if other dimensions differ, and the group remains usable") {
  hone::require_ranks(3, 60s, [](const Placement& placement) {
    const auto all = group(placement);
    const auto text = message_of(
        [&] { static_cast<void>(all.all_gather(at::ones({2, all.rank() == 2 ? 5 : 4}), "all-gather of scores")); });
    CHECK_THAT(text, Contains("disagree on the shapes in the all-gather of scores") &&
                         Contains("rank 0 has Float [*, 4]") && Contains("rank 2 has Float [*, 5]"));
    CHECK(all.all_gather_int64(1).size() == 3);
  });
}

TEST_CASE("copies share one group, and a collective after shutdown throws an error that names the shutdown") {
  hone::require_ranks(2, 60s, [](const Placement& placement) {
    const auto begin = std::chrono::steady_clock::now();
    auto all = group(placement);
    const auto copy = all;
    const auto moved = std::move(all);
    CHECK(all.rank() == placement.rank);  // NOLINT: a moved-from group remains usable
    CHECK(copy.handle() == moved.handle());
    copy.barrier();
    moved.shutdown();
    CHECK(copy.is_closed());
    CHECK(copy.handle() == nullptr);
    CHECK_THAT(message_of([&] { copy.barrier("barrier after the end"); }),
               Contains("Rank " + std::to_string(placement.rank) + " of 2") && Contains("barrier after the end") &&
                   Contains("It was shut down."));
    moved.shutdown();
    CHECK(std::chrono::steady_clock::now() - begin < 1s);
  });
}

TEST_CASE("a process can form several groups, simultaneously and in sequence") {
  hone::require_ranks(3, 60s, [](const Placement& placement) {
    for (int i = 0; i < 5; ++i) {
      const auto one = group(placement), two = group(placement);
      auto a = at::ones({1}), b = at::ones({1}) * 2;
      one.all_reduce(a);
      two.all_reduce(b);
      CHECK(a.item<float>() == 3.0F);
      CHECK(b.item<float>() == 6.0F);
      if (i % 2 == 1) one.shutdown();
      two.all_reduce(b);
    }
  });
}

TEST_CASE("destroying a group completes its pending collective") {
  hone::require_ranks(2, 60s, [](const Placement& placement) {
    auto values = at::ones({1000});
    {
      const auto all = group(placement);
      static_cast<void>(all.begin_all_reduce(values, Reduction::sum, "all-reduce"));
    }
    CHECK(values[0].item<float>() == 2.0F);
  });
}

TEST_CASE("a failure reaches the other ranks within 2 s, with the reason of fail() or a default one") {
  hone::require_ranks(3, 60s,
                      [](const Placement& placement) {
                        for (const bool speaks : {true, false}) {
                          const auto all = group(placement);
                          all.barrier();
                          const auto begin = std::chrono::steady_clock::now();
                          auto values = at::ones({1});
                          if (placement.rank == 1 && speaks) {
                            static_cast<void>(all.begin_all_reduce(values, Reduction::sum, "all-reduce"));
                            all.fail("the disk is full.\nand more");
                            CHECK_THAT(message_of([&] { all.barrier(); }), Contains("the disk is full."));
                          } else if (placement.rank == 1) {
                            throw std::invalid_argument("never told");
                          } else {
                            const auto text = message_of([&] {
                              all.all_reduce(values, Reduction::sum, "sum of marks");
                              all.barrier("next barrier");
                            });
                            CHECK_THAT(text, Contains(speaks ? "Rank 1 failed: the disk is full."
                                                             : "Rank 1 failed: An exception outside a run"));
                            CHECK(text.find("and more") == text.npos);
                            CHECK_THAT(text, Contains("Rank " + std::to_string(placement.rank) + " of 3 aborted the"));
                            CHECK_THAT(message_of([&] { all.barrier(); }),
                                       Contains("closed") && Contains("Rank 1 failed"));
                          }
                          CHECK(std::chrono::steady_clock::now() - begin < 2s);
                        }
                      },
                      {{.rank = 1, .message = "never told"}});
}

/// A group with a separate group for host values, as a group between GPUs has.
hone::ProcessGroup with_hosts(const hone::ProcessGroup& own, const hone::ProcessGroup& hosts) {
  return hone::ProcessGroup({.rank = own.rank(),
                             .world_size = own.world_size(),
                             .timeout = own.timeout(),
                             .store = c10::make_intrusive<c10d::PrefixStore>("with hosts", own.store()),
                             .backend = own.handle()->getBackend(at::kCPU),
                             .type = c10d::ProcessGroup::GLOO,
                             .host = &hosts});
}

TEST_CASE("host values use the host group, and a failure closes both groups") {
  CHECK(group({}).on_host().world_size() == 1);
  hone::require_ranks(2, 60s, [](const Placement& placement) {
    const auto one = group(placement), formed = group(placement);
    const auto both = with_hosts(one, formed);
    const auto hosts = both.on_host();
    CHECK(hosts.handle() != both.handle());
    CHECK(hosts.all_gather_int64(both.rank()) == std::vector<std::int64_t>{0, 1});
    CHECK(one.on_host().handle() == one.handle());
    if (both.rank() == 1) return both.fail("it had to");
    CHECK_THAT(message_of([&] { hosts.barrier(); }), Contains("it had to"));
  });
}

}  // namespace
