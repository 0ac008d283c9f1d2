// SPDX-License-Identifier: Apache-2.0
#include "hone/data/epoch_cursor.hpp"

#include <torch/torch.h>

#include <vector>

#include "support/catch.hpp"

namespace {

TEST_CASE("EpochCursor visits each sample of an epoch once, and the next start begins the next epoch") {
  hone::detail::EpochCursor<hone::RandomSampler> walk(10, {.batch_size = 4}, {7});
  CHECK(walk.done());
  CHECK(walk.batches() == 3);
  CHECK(walk.last_width() == 2);
  const auto epoch = [&] {
    std::vector<std::int64_t> seen;
    walk.start();
    while (walk.advance()) seen.insert(seen.end(), walk.indices(), walk.indices() + walk.width());
    return seen;
  };
  const auto first = epoch();
  CHECK(first == std::vector<std::int64_t>{8, 6, 2, 0, 4, 7, 5, 3, 1, 9});
  CHECK(walk.done());
  CHECK(epoch() != first);
  walk.set_epoch(0);
  CHECK(epoch() == first);
}

TEST_CASE("EpochCursor in stored order has no indices") {
  hone::detail::EpochCursor<hone::SequentialSampler> walk(10, {.batch_size = 4, .drop_last = true}, {});
  walk.start();
  CHECK_FALSE(walk.order().defined());
  CHECK(walk.advance());
  CHECK(walk.advance());
  CHECK(walk.indices() == nullptr);
  CHECK(walk.first() == 4);
  CHECK_FALSE(walk.advance());
}

TEST_CASE("an epoch whose sampler throws is started again by the next start") {
  struct Fails {
    bool once = true;
    at::Tensor order(std::int64_t, std::int64_t epoch) {
      if (std::exchange(once, false)) throw std::runtime_error("no order");
      return torch::full({4}, epoch, torch::kLong);
    }
  };
  hone::detail::EpochCursor<Fails> walk(4, {.batch_size = 4}, {});
  CHECK_THROWS_AS(walk.start(), std::runtime_error);
  walk.start();
  CHECK(walk.advance());
  CHECK(walk.indices()[0] == 0);
}

using Indices = std::vector<std::int64_t>;

template <class Walk>
Indices batch_of(const Walk& walk) {
  return {walk.indices(), walk.indices() + walk.width()};
}

TEST_CASE("the ranks' batches are even parts of the batch of one rank") {
  // The reference is torch.tensor_split(batch, n). Unlike Python's DistributedSampler, hone does not repeat samples to
  // make the division even.
  for (const std::int64_t samples : {12, 13, 14, 15, 17, 24}) {
    for (const int n : {1, 2, 3, 4}) {
      for (const std::int64_t b : {1, 2, 3}) {
        CAPTURE(samples, n, b);
        const auto order = hone::RandomSampler{5}.order(samples, 2);
        std::vector<std::vector<Indices>> expected;  // by step and rank
        for (std::int64_t first = 0; first < samples;) {
          const auto left = samples - first;
          const auto width = left - n * b < n ? left : n * b;
          expected.emplace_back();
          for (const auto& part : order.narrow(0, first, width).tensor_split(n)) {
            expected.back().emplace_back(part.data_ptr<std::int64_t>(), part.data_ptr<std::int64_t>() + part.numel());
          }
          first += width;
        }
        for (int rank = 0; rank < n; ++rank) {
          hone::detail::EpochCursor<hone::RandomSampler> walk(samples, {.batch_size = b, .share = {rank, n}}, {5});
          walk.set_epoch(2);
          walk.start();
          REQUIRE(walk.batches() == static_cast<std::int64_t>(expected.size()));
          for (const auto& step : expected) {
            REQUIRE(walk.advance());
            REQUIRE(batch_of(walk) == step[static_cast<std::size_t>(rank)]);
            REQUIRE(walk.width() <= walk.most());
          }
          REQUIRE_FALSE(walk.advance());
          REQUIRE_FALSE(walk.advance());
          REQUIRE(walk.done());
        }
      }
    }
  }
}

TEST_CASE("resume_after continues an epoch like skip after whole steps, and divides the rest again otherwise") {
  constexpr std::int64_t samples = 29;
  const auto order = hone::RandomSampler{3}.order(samples, 0);
  for (int n = 1; n <= 4; ++n) {
    for (std::int64_t passed = 0; passed <= samples; ++passed) {
      CAPTURE(n, passed);
      if (passed < samples && samples - passed < n) continue;
      Indices seen;  // by step, then by rank
      std::vector<std::vector<Indices>> batches;
      for (int rank = 0; rank < n; ++rank) {
        hone::detail::EpochCursor<hone::RandomSampler> walk(samples, {.batch_size = 2, .share = {rank, n}}, {3});
        walk.start();
        walk.advance();
        walk.resume_after(passed);
        batches.resize(static_cast<std::size_t>(walk.batches_after(passed)));
        for (auto& step : batches) {
          REQUIRE(walk.advance());
          step.push_back(batch_of(walk));
        }
        REQUIRE_FALSE(walk.advance());

        if (passed % (2 * n) == 0 && passed / (2 * n) < walk.batches()) {
          hone::detail::EpochCursor<hone::RandomSampler> other(samples, {.batch_size = 2, .share = {rank, n}}, {3});
          other.start();
          other.skip(passed / (2 * n));
          for (const auto& step : batches) {
            REQUIRE(other.advance());
            REQUIRE(batch_of(other) == step.back());
          }
          REQUIRE_FALSE(other.advance());
        }
        walk.start();  // the next epoch is complete
        std::int64_t count = 0;
        while (walk.advance()) ++count;
        REQUIRE(count == walk.batches());
      }
      for (const auto& step : batches) {
        for (const auto& batch : step) seen.insert(seen.end(), batch.begin(), batch.end());
      }
      REQUIRE(seen == Indices(order.data_ptr<std::int64_t>() + passed, order.data_ptr<std::int64_t>() + samples));
    }
  }
}

TEST_CASE("a run that changes its number of ranks within an epoch visits each sample once") {
  // A number of batches of size `b` on `n` ranks, from where the previous leg ended.
  struct Leg {
    int n;
    std::int64_t b, batches;
  };
  constexpr std::int64_t samples = 101;
  hone::RandomSampler sampler{9};
  const auto order = sampler.order(samples, 0);
  Indices seen;
  std::int64_t passed = 0;
  for (const auto& [n, b, batches] : {Leg{4, 3, 3}, Leg{1, 5, 2}, Leg{3, 2, 2}, Leg{2, 7, 100}}) {
    std::int64_t next = passed;
    std::vector<Indices> steps(static_cast<std::size_t>(batches));
    for (int rank = 0; rank < n; ++rank) {
      hone::detail::EpochCursor<hone::RandomSampler> walk(samples, {.batch_size = b, .share = {rank, n}}, sampler);
      walk.start();
      walk.resume_after(passed);
      std::int64_t made = 0;
      for (; made < batches && walk.advance(); ++made) {
        const auto batch = batch_of(walk);
        auto& step = steps[static_cast<std::size_t>(made)];
        step.insert(step.end(), batch.begin(), batch.end());
      }
      next = walk.samples_after(made, passed);
    }
    for (const auto& step : steps) seen.insert(seen.end(), step.begin(), step.end());
    passed = next;
    CHECK(passed == static_cast<std::int64_t>(seen.size()));
  }
  CHECK(passed == samples);
  CHECK(seen == Indices(order.data_ptr<std::int64_t>(), order.data_ptr<std::int64_t>() + samples));
}

TEST_CASE("samples_after counts dropped samples at the end of an epoch") {
  const hone::detail::EpochCursor<hone::SequentialSampler> walk(
      19, {.batch_size = 4, .drop_last = true, .share = {1, 2}}, {});
  CHECK(walk.batches() == 2);
  CHECK(walk.samples_after(1, 0) == 8);
  CHECK(walk.samples_after(2, 0) == 19);
  CHECK(walk.samples_after(1, 5) == 19);
  CHECK(walk.batches_after(19) == 0);
  CHECK(walk.batches_after(12) == 0);
  CHECK(walk.batches_after(11) == 1);
}

TEST_CASE("batches_after throws DataError for a position outside the epoch or with too few samples for the ranks") {
  const hone::detail::EpochCursor<hone::SequentialSampler> walk(19, {.batch_size = 4, .share = {1, 3}}, {});
  CHECK_THROWS_WITH(walk.batches_after(20),
                    "The run resumes after 20 samples of the epoch, but the epoch has 19. Resume with the same data.");
  CHECK_THROWS_AS(walk.batches_after(-1), hone::DataError);
  CHECK_THROWS_WITH(
      walk.batches_after(17),
      "The resumed epoch has 2 samples left for 3 processes. Resume with at most 2, or from another training state.");
  CHECK(walk.batches_after(16) == 1);
}

}  // namespace
