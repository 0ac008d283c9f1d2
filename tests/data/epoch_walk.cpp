// SPDX-License-Identifier: Apache-2.0
#include "hone/data/epoch_walk.hpp"

#include <torch/torch.h>

#include <vector>

#include "support/catch.hpp"

namespace {

TEST_CASE("a walk covers the epoch in batches and starts over with the next one") {
  hone::detail::EpochWalk<hone::RandomSampler> walk(10, {.batch_size = 4}, {7});
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

TEST_CASE("a walk in stored order has no indices") {
  hone::detail::EpochWalk<hone::SequentialSampler> walk(10, {.batch_size = 4, .drop_last = true}, {});
  walk.start();
  CHECK_FALSE(walk.order().defined());
  CHECK(walk.advance());
  CHECK(walk.advance());
  CHECK(walk.indices() == nullptr);
  CHECK(walk.first() == 4);
  CHECK_FALSE(walk.advance());
}

TEST_CASE("an epoch whose sampler fails is the next one again") {
  struct Fails {
    bool once = true;
    at::Tensor order(std::int64_t, std::int64_t epoch) {
      if (std::exchange(once, false)) throw std::runtime_error("no order");
      return torch::full({4}, epoch, torch::kLong);
    }
  };
  hone::detail::EpochWalk<Fails> walk(4, {.batch_size = 4}, {});
  CHECK_THROWS_AS(walk.start(), std::runtime_error);
  walk.start();
  CHECK(walk.advance());
  CHECK(walk.indices()[0] == 0);
}

}  // namespace
