// SPDX-License-Identifier: Apache-2.0
#include "hone/data/data_loader.hpp"

#include <torch/torch.h>

#include <ranges>
#include <stdexcept>
#include <vector>

#include "hone/data/loader.hpp"
#include "hone/data/prefetch.hpp"
#include "support/catch.hpp"

namespace {

struct Numbers : torch::data::datasets::Dataset<Numbers> {
  torch::data::Example<> get(std::size_t i) override {
    return {torch::full({1}, static_cast<double>(i)), torch::ones({1})};
  }
  std::optional<std::size_t> size() const override { return 16; }
};

/// A stateful dataset that counts up and starts from 0 after each reset.
struct Counter : torch::data::datasets::StatefulDataset<Counter, std::vector<double>, std::size_t> {
  std::optional<std::vector<double>> get_batch(std::size_t count) override {
    std::vector<double> batch;
    for (; batch.size() < count && next < 12; ++next) batch.push_back(static_cast<double>(next));
    return batch.empty() ? std::nullopt : std::optional(batch);
  }
  void reset() override { next = 0; }
  std::optional<std::size_t> size() const override { return 12; }
  void save(torch::serialize::OutputArchive&) const override {}
  void load(torch::serialize::InputArchive&) override {}
  std::size_t next = 0;
};

auto stateless(std::size_t workers) {
  return torch::data::make_data_loader<torch::data::samplers::SequentialSampler>(
      Numbers().map(torch::data::transforms::Stack<>()), torch::data::DataLoaderOptions(2).workers(workers));
}

using Stateless = decltype(stateless(0))::element_type;
static_assert(hone::TorchDataLoader<Stateless> && !hone::TorchDataLoader<std::vector<torch::Tensor>>);
static_assert(!hone::TorchDataLoader<hone::TensorLoader<torch::Tensor>> && !hone::TorchDataLoader<int>);
static_assert(std::ranges::input_range<hone::DataLoaderBatches<Stateless&>>);
static_assert(std::ranges::viewable_range<hone::DataLoaderBatches<Stateless&>>);

std::vector<double> first_of(auto&& batches, int count) {
  std::vector<double> values;
  for (auto&& batch : batches) {
    values.push_back(batch.data[0].template item<double>());
    if (static_cast<int>(values.size()) == count) break;
  }
  return values;
}

}  // namespace

TEST_CASE("a pass over torch::data::DataLoader may stop after any batch, with and without workers") {
  const auto workers = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2});
  const auto loader = stateless(workers);
  hone::DataLoaderBatches batches(*loader);
  for (int pass = 0; pass < 3; ++pass) CHECK(first_of(batches, 3) == std::vector{0.0, 2.0, 4.0});
  CHECK(first_of(batches, 100).size() == 8);
  CHECK(first_of(batches, 1) == std::vector{0.0});
}

TEST_CASE("a DataLoader whose pass stopped early can be iterated directly") {
  const auto loader = stateless(2);
  CHECK(first_of(hone::DataLoaderBatches(*loader), 1).size() == 1);
  CHECK(first_of(*loader, 100).size() == 8);
}

TEST_CASE("a pass over a DataLoader after an exception starts from the beginning") {
  const auto loader = stateless(2);
  hone::DataLoaderBatches batches(*loader);
  CHECK_THROWS_AS(
      [&] {
        for (const auto& batch : batches) {
          if (batch.data[0].item<double>() > 3) throw std::runtime_error("of a callback");
        }
      }(),
      std::runtime_error);
  CHECK(first_of(batches, 100).size() == 8);
}

TEST_CASE("a pass over a DataLoader of a stateful dataset may stop early and restart") {
  const auto workers = GENERATE(std::size_t{0}, std::size_t{1});
  const auto loader = torch::data::make_data_loader(torch::data::datasets::make_shared_dataset<Counter>(),
                                                    torch::data::DataLoaderOptions(4).workers(workers));
  hone::DataLoaderBatches batches(*loader);
  for (int pass = 0; pass < 3; ++pass) {
    for (const auto& batch : batches) {
      CHECK(batch == std::vector{0.0, 1.0, 2.0, 3.0});
      break;
    }
  }
  int count = 0;
  for (const auto& batch : batches) count += static_cast<int>(batch.size());
  CHECK(count == 12);
}

TEST_CASE("a pass over a view or a prefetched range of a DataLoader may stop early") {
  const auto loader = stateless(2);
  auto view = hone::DataLoaderBatches(*loader) | std::views::transform([](auto& batch) { return batch; });
  CHECK(first_of(view, 2) == std::vector{0.0, 2.0});
  CHECK(first_of(view, 2) == std::vector{0.0, 2.0});
  hone::Prefetched<decltype(view)> ahead(view, 2);
  CHECK(first_of(ahead, 2) == std::vector{0.0, 2.0});
  CHECK(first_of(ahead, 100).size() == 8);
}

TEST_CASE("DataLoaderBatches may own its DataLoader and is movable") {
  hone::DataLoaderBatches batches(stateless(1));
  CHECK(first_of(batches, 2).size() == 2);
  auto moved = std::move(batches);
  CHECK(first_of(moved, 100).size() == 8);
}
