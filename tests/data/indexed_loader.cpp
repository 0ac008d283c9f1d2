// SPDX-License-Identifier: Apache-2.0
#include "hone/data/indexed_loader.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <ranges>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

using torch::Tensor;

struct Squares {
  int count = 10;
  std::size_t size() const { return static_cast<std::size_t>(count); }
  std::pair<Tensor, std::int64_t> get(std::int64_t i) const { return {torch::full({2}, double(i * i)), i}; }
};

struct Anything {  // `get` accepts any type
  int size() const { return 3; }
  template <class I>
  float get(I i) const {
    return static_cast<float>(i * 2);
  }
};

struct Stock : torch::data::datasets::Dataset<Stock> {
  bool sized = true;
  explicit Stock(bool knows_size) : sized(knows_size) {}
  torch::data::Example<> get(std::size_t i) override {
    return {torch::full({2}, double(i)), torch::tensor(static_cast<std::int64_t>(i))};
  }
  torch::optional<std::size_t> size() const override { return sized ? torch::optional<std::size_t>(5) : std::nullopt; }
};

static_assert(hone::IndexedDataset<Squares> && hone::IndexedDataset<const Squares&> && hone::IndexedDataset<Stock&>);
static_assert(!hone::IndexedDataset<std::vector<int>> && !hone::IndexedDataset<Tensor>);
static_assert(std::ranges::input_range<hone::IndexedLoader<Squares>>);

TEST_CASE("IndexedLoader collates samples in stored order, with a short last batch") {
  hone::IndexedLoader loader{Squares{}, {.batch_size = 4}};
  CHECK(loader.size() == 3);
  std::vector<std::int64_t> widths;
  std::int64_t next = 0;
  for (auto& [x, y] : loader) {
    widths.push_back(y.size(0));
    for (std::int64_t i = 0; i < y.size(0); ++i, ++next) {
      CHECK(y[i].item<std::int64_t>() == next);
      CHECK(x[i][1].item<double>() == double(next * next));
    }
  }
  CHECK(widths == std::vector<std::int64_t>{4, 4, 2});
}

TEST_CASE("a shuffled epoch of IndexedLoader gets each sample once in the order of the seed") {
  const Squares dataset;
  hone::IndexedLoader loader{dataset, {.batch_size = 3, .shuffle = true, .seed = 7}};
  const auto visited = [&] {
    std::vector<std::int64_t> seen;
    for (auto& batch : loader) {
      for (std::int64_t i = 0; i < batch.second.size(0); ++i) seen.push_back(batch.second[i].item<std::int64_t>());
    }
    return seen;
  };
  CHECK(visited() == std::vector<std::int64_t>{8, 6, 2, 0, 4, 7, 5, 3, 1, 9});
  loader.set_epoch(3);
  CHECK(visited() == std::vector<std::int64_t>{9, 1, 0, 5, 4, 6, 7, 8, 2, 3});
}

TEST_CASE("IndexedLoader accepts a custom collate function and a sampler") {
  using Sample = std::pair<Tensor, std::int64_t>;
  hone::IndexedLoader loader{Squares{}, {.batch_size = 5, .drop_last = true}, [](std::vector<Sample> samples) {
                               return torch::cat({samples.front().first, samples.back().first});
                             }};
  auto it = loader.begin();
  CHECK((*it).equal(torch::tensor({0.0F, 0.0F, 16.0F, 16.0F})));
  hone::IndexedLoader sampled{Squares{}, {.batch_size = 10}, hone::DefaultCollate{}, hone::RandomSampler{7}};
  CHECK((*sampled.begin()).second[0].item<std::int64_t>() == 8);
}

TEST_CASE("IndexedLoader accepts a dataset whose get is a template") {
  hone::IndexedLoader loader{Anything{}, {.batch_size = 3}};
  CHECK((*loader.begin()).equal(torch::tensor({0.0F, 2.0F, 4.0F})));
}

TEST_CASE("IndexedLoader accepts LibTorch datasets that have a size") {
  Stock stock{true};
  hone::IndexedLoader loader{stock, {.batch_size = 5}};
  const torch::data::Example<>& batch = *loader.begin();
  CHECK(batch.data.sizes() == at::IntArrayRef{5, 2});
  CHECK(batch.target.equal(torch::arange(5)));
  CHECK_THROWS_AS((hone::IndexedLoader{Stock{false}, {.batch_size = 5}}), hone::DataError);
}

TEST_CASE("each rank gets the samples of its shard only") {
  struct Noted : Squares {
    std::vector<std::int64_t>* seen;
    std::pair<Tensor, std::int64_t> get(std::int64_t i) const {
      seen->push_back(i);
      return Squares::get(i);
    }
  };
  std::vector<std::int64_t> seen;
  const auto visited = [&](int rank, std::int64_t passed) {
    hone::IndexedLoader loader{Noted{{}, &seen}, {.batch_size = 2, .shuffle = true, .seed = 7, .share = {rank, 2}}};
    CHECK(loader.size() == 3);
    auto batch = loader.begin();
    if (passed > 0) {
      loader.resume_after(passed);
      CHECK(loader.batches_after(passed) == 1);
      seen.clear();
      ++batch;
    }
    for (; batch != loader.end(); ++batch) continue;
    return std::exchange(seen, {});
  };
  // 8, 6, 2, 0, 4, 7, 5, 3, 1, 9 in steps of four; each rank has one of the last two
  CHECK(visited(0, 0) == std::vector<std::int64_t>{8, 6, 4, 7, 1});
  CHECK(visited(1, 0) == std::vector<std::int64_t>{2, 0, 5, 3, 9});
  // the last five in one step, of which rank 0 has three
  CHECK(visited(0, 5) == std::vector<std::int64_t>{7, 5, 3});
  CHECK(visited(1, 5) == std::vector<std::int64_t>{1, 9});
}

TEST_CASE("IndexedLoader throws for options that leave no batch") {
  CHECK_THROWS_AS((hone::IndexedLoader{Squares{0}, {}}), hone::DataError);
  CHECK_THROWS_AS((hone::IndexedLoader{Squares{4}, {.batch_size = 5, .drop_last = true}}), std::invalid_argument);
  CHECK((hone::IndexedLoader{Squares{4}, {.batch_size = 5}}).size() == 1);
  CHECK_THROWS_AS((hone::IndexedLoader{Squares{4}, {.batch_size = 0}}), std::invalid_argument);
}

}  // namespace
