// SPDX-License-Identifier: Apache-2.0
#include "hone/data/epoch_scope.hpp"

#include <torch/torch.h>

#include <ranges>
#include <thread>
#include <vector>

#include "hone/data/loader.hpp"
#include "hone/data/prefetch.hpp"
#include "support/catch.hpp"

namespace {

using torch::Tensor;
using Loader = hone::TensorLoader<Tensor>;
using Order = std::vector<std::int64_t>;

Loader shuffled() {
  return Loader(hone::TensorDataset(torch::arange(12)), {.batch_size = 4, .shuffle = true, .seed = 3});
}

Order order_of(auto&& batches) {
  Order order;
  for (auto&& batch : batches) {
    for (std::int64_t i = 0; i < batch.size(0); ++i) order.push_back(batch[i].template item<std::int64_t>());
  }
  return order;
}

/// Returns the order of an epoch without a view.
Order right(std::int64_t epoch) {
  auto loader = shuffled();
  loader.set_epoch(epoch);
  return order_of(loader);
}

}  // namespace

TEST_CASE("EpochScope sets the epoch of a loader behind views") {
  auto loader = shuffled();
  const auto same = [](Tensor& batch) { return batch; };
  auto view = loader | std::views::transform(same) | std::views::take(3);
  auto owning = shuffled() | std::views::transform(same);
  for (const std::int64_t epoch : {5, 2, 0}) {
    const hone::EpochScope scope(epoch);
    CHECK(order_of(view) == right(epoch));
    CHECK(order_of(owning) == right(epoch));
  }
  CHECK(order_of(view) == right(1));  // epochs count up outside a scope
}

TEST_CASE("a second pass in a scope is the next epoch, and set_epoch has precedence") {
  auto loader = shuffled();
  const hone::EpochScope scope(4);
  CHECK(order_of(loader) == right(4));
  CHECK(order_of(loader) == right(5));
  loader.set_epoch(9);
  CHECK(order_of(loader) == right(9));
}

TEST_CASE("scopes may be nested and apply to the thread of a prefetched range, not to other threads") {
  const hone::EpochScope outer(4);
  {
    const hone::EpochScope inner(7);
    CHECK(hone::EpochScope::current().number == 7);
    auto loader = shuffled();
    auto view = loader | std::views::transform([](Tensor& batch) { return batch.clone(); });
    hone::Prefetched<decltype(view)> ahead(view, 2);
    CHECK(order_of(ahead) == right(7));
    std::thread([] { CHECK(hone::EpochScope::current().scope == 0); }).join();
  }
  CHECK(hone::EpochScope::current().number == 4);
}
