// SPDX-License-Identifier: Apache-2.0
#include "hone/data/weighted_random_sampler.hpp"

#include <torch/torch.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "hone/data/loader.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using hone::WeightedRandomSampler;
using Order = std::vector<std::int64_t>;

Order list(const torch::Tensor& order) {
  const auto* data = order.data_ptr<std::int64_t>();
  return {data, data + order.numel()};
}

TEST_CASE("WeightedRandomSampler matches PyTorch's, seeded with the hash of seed and epoch") {
  // PyTorch 2.11 in Python: list(WeightedRandomSampler(weights, num_samples, replacement, generator=g)), with g seeded
  // with splitmix64(splitmix64(seed) ^ epoch).
  const auto weights = torch::tensor({0.5, 0.0, 2.0, 1.0, 0.25});
  CHECK(list(WeightedRandomSampler{.weights = weights, .num_samples = 10}.order(5, 0)) ==
        Order{3, 2, 2, 0, 0, 3, 2, 2, 2, 2});
  CHECK(list(WeightedRandomSampler{.weights = weights, .num_samples = 10}.order(5, 1)) ==
        Order{3, 2, 3, 2, 4, 2, 2, 2, 3, 2});
  CHECK(list(WeightedRandomSampler{.weights = weights, .num_samples = 3, .replacement = false, .seed = 7}.order(
            5, 3)) == Order{2, 4, 3});
}

TEST_CASE("samples are drawn in proportion to their weights, and never with weight 0") {
  const WeightedRandomSampler sampler{.weights = torch::tensor({1.0, 0.0, 3.0}), .num_samples = 4000};
  const auto visits = torch::bincount(sampler.order(3, 0), {}, 3);
  CHECK(visits[1].item<std::int64_t>() == 0);
  // 3000 of weight 3 are expected; the standard deviation is 27.
  CHECK(std::abs(visits[2].item<double>() - 3000.0) < 6 * 27.4);
}

TEST_CASE("without replacement, no sample is drawn twice") {
  const WeightedRandomSampler sampler{
      .weights = torch::tensor({1.0, 5.0, 3.0, 2.0}), .num_samples = 3, .replacement = false};
  const auto visits = torch::bincount(sampler.order(4, 0), {}, 4);
  CHECK(visits.max().item<std::int64_t>() == 1);
  CHECK(visits.sum().item<std::int64_t>() == 3);
}

TEST_CASE("a loader batches the drawn samples, whose number differs from the dataset's") {
  const auto dataset = tiny::dataset(6);
  const auto weights = torch::tensor({0.0, 0.0, 0.0, 1.0, 1.0, 0.0});
  auto loader =
      hone::make_loader(dataset, {.batch_size = 4}, WeightedRandomSampler{.weights = weights, .num_samples = 10});
  CHECK(loader.size() == 3);
  std::int64_t samples = 0;
  for (const auto& [x, y] : loader) {
    samples += x.size(0);
    for (std::int64_t i = 0; i < x.size(0); ++i) {
      const bool is_drawn = torch::equal(x[i], tiny::inputs(6)[3]) || torch::equal(x[i], tiny::inputs(6)[4]);
      CHECK(is_drawn);
    }
  }
  CHECK(samples == 10);
}

TEST_CASE("WeightedRandomSampler throws for weights and num_samples that do not fit the dataset") {
  const auto weights = torch::ones({4});
  const auto orders = [](const WeightedRandomSampler& sampler, std::int64_t samples) {
    return [sampler, samples] { static_cast<void>(sampler.order(samples, 0)); };
  };
  CHECK(tiny::message_of<hone::DataError>(orders({.weights = weights}, 5)) ==
        "WeightedRandomSampler::weights has 4 elements in 1 dimensions. Set it to a tensor with one dimension of 5, a "
        "weight for each sample.");
  CHECK(tiny::message_of<hone::DataError>(orders({.weights = {}}, 5)) ==
        "WeightedRandomSampler::weights has 0 elements in 0 dimensions. Set it to a tensor with one dimension of 5, a "
        "weight for each sample.");
  CHECK(tiny::message_of<std::invalid_argument>(orders({.weights = weights, .num_samples = 0}, 4)) ==
        "WeightedRandomSampler::num_samples is 0. Set it to 1 or greater.");
  CHECK(tiny::message_of<std::invalid_argument>(
            orders({.weights = weights, .num_samples = 5, .replacement = false}, 4)) ==
        "WeightedRandomSampler::num_samples is 5. Set it to 1 or greater, and without replacement to at most 4.");
}

TEST_CASE("WeightedRandomSampler throws DataError for invalid weights and for too few above 0") {
  const auto refusal = [](const WeightedRandomSampler& sampler) {
    return tiny::message_of<hone::DataError>([&] { static_cast<void>(sampler.order(3, 0)); });
  };
  CHECK(refusal({.weights = torch::zeros({3})}) ==
        "WeightedRandomSampler::weights has 0 positive weights, but needs at least 1. Set more weights to positive "
        "numbers, reduce num_samples, or set replacement.");
  CHECK(refusal({.weights = torch::tensor({1.0, 0.0, 1.0}), .replacement = false}) ==
        "WeightedRandomSampler::weights has 2 positive weights, but needs at least 3. Set more weights to positive "
        "numbers, reduce num_samples, or set replacement.");
  CHECK(refusal({.weights = torch::tensor({1.0, -2.0, 1.0})}) ==
        "WeightedRandomSampler::weights[1] is -2. Set it to a finite number, 0 or greater.");
  CHECK(tiny::contains(refusal({.weights = torch::tensor({1.f, 2.f, NAN})}), "weights[2] is nan"));
  CHECK(tiny::contains(refusal({.weights = torch::tensor({INFINITY, 2.f, 1.f})}), "weights[0] is inf"));
}

}  // namespace
