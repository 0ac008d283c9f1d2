// SPDX-License-Identifier: Apache-2.0
#include "hone/data/sampler.hpp"

#include <torch/torch.h>

#include <string>
#include <vector>

#include "hone/data/epoch_cursor.hpp"
#include "hone/data/weighted_random_sampler.hpp"
#include "support/catch.hpp"

namespace {

std::vector<std::int64_t> list(const torch::Tensor& order) {
  const auto* data = order.data_ptr<std::int64_t>();
  return {data, data + order.numel()};
}
using Order = std::vector<std::int64_t>;

TEST_CASE("RandomSampler depends on seed and epoch only, and matches torch.randperm seeded with their hash") {
  // Python: torch.randperm(10, generator=g), with g seeded with splitmix64(splitmix64(seed) ^ epoch).
  CHECK(list(hone::RandomSampler{0}.order(10, 0)) == Order{1, 5, 0, 4, 9, 7, 8, 3, 6, 2});
  CHECK(list(hone::RandomSampler{0}.order(10, 1)) == Order{6, 3, 2, 0, 8, 5, 4, 1, 9, 7});
  CHECK(list(hone::RandomSampler{7}.order(10, 3)) == Order{9, 1, 0, 5, 4, 6, 7, 8, 2, 3});
  torch::rand({5});
  CHECK(list(hone::RandomSampler{7}.order(10, 0)) == Order{8, 6, 2, 0, 4, 7, 5, 3, 1, 9});
}

TEST_CASE("RandomSampler does not use the global generator") {
  torch::manual_seed(3);
  const auto expected = torch::rand({1}).item<float>();
  torch::manual_seed(3);
  CHECK(hone::RandomSampler{1}.order(100, 0).defined());
  CHECK(torch::rand({1}).item<float>() == expected);
}

TEST_CASE("SequentialSampler returns an undefined tensor") {
  CHECK_FALSE(hone::SequentialSampler{}.order(5, 0).defined());
  CHECK_FALSE(hone::OptionalShuffle{}.order(5, 0).defined());
  CHECK(list(hone::OptionalShuffle{true, 7}.order(10, 3)) == list(hone::RandomSampler{7}.order(10, 3)));
}

TEST_CASE("PyTorchSampler matches the order of Python's DataLoader and the generator's state after it") {
  // PyTorch 2.11 in Python: torch.manual_seed(42), then list(DataLoader(arange(12), shuffle=True)),
  // list(DataLoader(arange(12))), the first loader again, torch.rand(1).
  torch::manual_seed(42);
  hone::PyTorchSampler train;
  hone::PyTorchSampler evaluation{.shuffle = false};
  CHECK(list(train.order(12, 0)) == Order{4, 2, 3, 0, 6, 7, 1, 10, 11, 5, 9, 8});
  CHECK_FALSE(evaluation.order(12, 0).defined());
  CHECK(list(train.order(12, 1)) == Order{4, 8, 5, 0, 10, 2, 6, 3, 11, 1, 7, 9});
  CHECK(torch::rand({1}).item<double>() == 0.9345980882644653);
}

TEST_CASE("checked_order throws DataError for an order that does not fit the dataset") {
  const auto message = [](torch::Tensor order) -> std::string {
    try {
      hone::detail::checked_order(std::move(order), 3, 3);
    } catch (const hone::DataError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message(torch::tensor({2, 0, 1}, torch::kLong)).empty());
  CHECK(message(torch::tensor({2, 0, 3}, torch::kLong)) ==
        "The sampler's order has index 3 at position 2, but the dataset has 3 samples.");
  CHECK(message(torch::tensor({0, -1, 1}, torch::kLong)).find("index -1 at position 1") != std::string::npos);
  CHECK(message(torch::tensor({2, 0}, torch::kLong)).find("2 elements") != std::string::npos);
  CHECK(message(torch::tensor({2, 0, 1}, torch::kInt)).find("Int tensor") != std::string::npos);
}

TEST_CASE("checked_order resolves a lazily negated order") {
  const auto order = at::_neg_view(torch::tensor({-2, 0, -1}, torch::kLong));
  CHECK(list(hone::detail::checked_order(order, 3, 3)) == Order{2, 0, 1});
}

TEST_CASE("PyTorchSampler throws if there are several ranks") {
  static_assert(hone::UsesGlobalGenerator<hone::PyTorchSampler> && !hone::UsesGlobalGenerator<hone::OptionalShuffle>);
  using Walk = hone::detail::EpochCursor<hone::PyTorchSampler>;
  CHECK_NOTHROW(Walk(10, {.batch_size = 2}, {}));
  CHECK_THROWS_WITH(Walk(10, {.batch_size = 2, .share = {1, 4}}, {}),
                    "PyTorchSampler uses the global generator, which differs in each of the 4 processes. Use "
                    "RandomSampler with a seed, or set .shuffle and .seed.");
  CHECK_THROWS_AS(Walk(10, {.batch_size = 2, .share = {1, 4}}, {.shuffle = false}), std::invalid_argument);
}

TEST_CASE("samplers give all ranks the same order, whatever the global generator has drawn") {
  const hone::WeightedRandomSampler weighted{.weights = torch::tensor({0.1, 0.2, 0.3, 0.4}), .seed = 2};
  torch::manual_seed(1);
  const auto random = hone::OptionalShuffle{true, 7}.order(10, 3);
  const auto drawn = weighted.order(4, 5);
  torch::manual_seed(2);
  torch::rand({3});
  CHECK(hone::OptionalShuffle{true, 7}.order(10, 3).equal(random));
  CHECK(weighted.order(4, 5).equal(drawn));
}

struct OrdersVectors {
  static std::vector<std::int64_t> order(std::int64_t, std::int64_t) { return {}; }
};
struct CountsInDouble {
  static at::Tensor order(std::int64_t, std::int64_t) { return {}; }
  static double count(std::int64_t) { return 1.0; }
};
static_assert(!hone::Sampler<OrdersVectors> && hone::Sampler<CountsInDouble> && !hone::CountsSamples<CountsInDouble>);

}  // namespace
