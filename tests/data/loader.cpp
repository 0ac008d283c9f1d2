// SPDX-License-Identifier: Apache-2.0
#include "hone/data/loader.hpp"

#include <torch/torch.h>

#include <list>
#include <range/v3/view/chunk.hpp>
#include <range/v3/view/concat.hpp>
#include <range/v3/view/cycle.hpp>
#include <range/v3/view/enumerate.hpp>
#include <range/v3/view/take.hpp>
#include <range/v3/view/transform.hpp>
#include <range/v3/view/zip.hpp>
#include <ranges>
#include <vector>

#include "support/catch.hpp"

namespace {

using torch::Tensor;
using Pair = std::pair<Tensor, Tensor>;
using Batches = std::vector<Pair>;

struct Dataset {
  int size() const { return 6; }
  std::pair<Tensor, int> get(int i) const { return {torch::full({2}, double(i)), i}; }
};

auto stock_loader(const Tensor& x, const Tensor& y) {
  return torch::data::make_data_loader(
      torch::data::datasets::TensorDataset(x)
          .map(torch::data::transforms::Lambda<torch::data::TensorExample, torch::data::Example<>>(
              [y](torch::data::TensorExample example) -> torch::data::Example<> { return {example.data, y[0]}; }))
          .map(torch::data::transforms::Stack<>()),
      torch::data::samplers::SequentialSampler(6), 4);
}
using StockLoader = decltype(stock_loader({}, {}))::element_type;

static_assert(hone::BatchRange<hone::TensorLoader<Pair>> && hone::BatchRange<hone::IndexedLoader<Dataset>&>);
static_assert(hone::BatchRange<Batches&> && hone::BatchRange<const Batches&> && hone::BatchRange<std::list<Tensor>>);
static_assert(hone::BatchRange<StockLoader&>);
static_assert(!hone::BatchRange<Dataset> && !hone::BatchRange<Tensor> && !hone::BatchRange<int>);
static_assert(!hone::BatchRange<hone::TensorDataset<Pair>> && hone::Loadable<hone::TensorDataset<Pair>>);
static_assert(!hone::Loadable<Tensor> && !hone::Loadable<int>);
static_assert(std::is_same_v<hone::BatchOf<StockLoader&>, torch::data::Example<>>);
static_assert(std::is_same_v<hone::BatchOf<const Batches&>, Pair>);

using Loader = hone::TensorLoader<Pair>;
static_assert(std::ranges::input_range<Loader> && std::ranges::sized_range<Loader> &&
              std::ranges::viewable_range<Loader>);
static_assert(std::ranges::input_range<hone::IndexedLoader<Dataset>> &&
              std::ranges::sized_range<hone::IndexedLoader<Dataset>>);
static_assert(std::unsigned_integral<decltype(std::declval<Loader&>().size())>);
static_assert(std::unsigned_integral<decltype(std::declval<hone::IndexedLoader<Dataset>&>().size())>);

TEST_CASE("views of the standard library and of range-v3 apply to loaders and keep the number of batches") {
  const hone::TensorDataset set{torch::arange(6.), torch::arange(6)};
  Loader a(set, {.batch_size = 2}), b(set, {.batch_size = 2, .shuffle = true});
  hone::IndexedLoader samples(Dataset{}, {.batch_size = 2});
  const auto count = [](auto&& range, auto&& check) {
    static_assert(hone::BatchRange<decltype(range)>);
    std::int64_t batches = 0;
    for (auto&& batch : range) {
      check(batch);
      ++batches;
    }
    return batches;
  };
  const auto has_two = [](auto&& batch) { CHECK(hone::batch_size(batch) == 2); };
  auto zipped = ranges::views::zip(a, b, samples);
  static_assert(std::is_same_v<hone::BatchOf<decltype(zipped)>, std::tuple<Pair, Pair, Pair>>);
  static_assert(std::is_same_v<hone::BatchOf<decltype(ranges::views::zip(a, b))>, std::pair<Pair, Pair>>);
  CHECK(hone::batch_count(zipped) == 3);
  CHECK(count(zipped, has_two) == 3);
  const auto first = [](Pair& batch) { return batch.first; };
  auto by_std = a | std::views::transform(first) | std::views::take(2);
  CHECK(count(by_std, has_two) == 2);
  auto by_v3 = a | ranges::views::transform(first);
  CHECK((hone::batch_count(by_v3) == 3 && count(by_v3, has_two) == 3));
  CHECK(count(a | ranges::views::take(2), has_two) == 2);
  CHECK(count(ranges::views::concat(a, b), has_two) == 6);
  CHECK(count(a | ranges::views::enumerate, [&](auto&& numbered) { has_two(std::get<1>(numbered)); }) == 3);
  CHECK(count(a | ranges::views::chunk(2), [&](auto&& chunk) {
          for (auto& batch : chunk) has_two(batch);
        }) == 2);
  CHECK(count(Loader(set, {.batch_size = 2}) | std::views::filter([](const Pair&) { return true; }), has_two) == 3);
}

TEST_CASE("make_loader selects the loader for each kind of dataset") {
  const hone::LoaderOptions options{.batch_size = 4};
  const hone::TensorDataset tensors{torch::zeros({6, 2}), torch::arange(6)};
  auto from_tensors = hone::make_loader(tensors, options);
  static_assert(std::is_same_v<decltype(from_tensors), hone::TensorLoader<Pair>>);
  auto from_temporary = hone::make_loader(hone::TensorDataset{torch::zeros({6, 2}), torch::arange(6)}, options);
  static_assert(std::is_same_v<decltype(from_temporary), hone::TensorLoader<Pair>>);
  hone::TensorDataset changeable = tensors;
  static_assert(std::is_same_v<decltype(hone::make_loader(changeable, options)), hone::TensorLoader<Pair>>);

  Dataset dataset;
  auto referred = hone::make_loader(dataset, options);
  static_assert(std::is_same_v<decltype(referred), hone::IndexedLoader<Dataset&>>);
  auto kept = hone::make_loader(Dataset{}, options, hone::RandomSampler{1});
  static_assert(std::is_same_v<hone::BatchOf<decltype(kept)>, Pair>);

  CHECK(hone::batch_count(from_tensors) == 2);
  CHECK(hone::batch_count(referred) == 2);
  CHECK(hone::batch_count(kept) == 2);
}

TEST_CASE("make_loader returns a range of batches unchanged") {
  Batches batches(3, {torch::zeros({2, 2}), torch::zeros({2})});
  decltype(auto) same = hone::make_loader(batches);
  static_assert(std::is_same_v<decltype(same), Batches&>);
  CHECK(&same == &batches);
  CHECK(hone::batch_count(batches) == 3);

  auto view = hone::make_loader(batches | ranges::views::take(2), {.batch_size = 1000});
  CHECK(hone::batch_count(view) == 2);
  CHECK_FALSE(hone::batch_count(batches | ranges::views::cycle).has_value());
  auto loader = hone::make_loader(hone::TensorDataset{torch::arange(6)}, {.batch_size = 2});
  auto doubled = loader | ranges::views::transform([](Tensor& t) { return t * 2; });
  static_assert(hone::BatchRange<decltype(doubled)>);
  CHECK(hone::batch_count(doubled) == 3);
}

TEST_CASE("torch::data::DataLoader is a range of batches of unknown number") {
  const auto x = torch::arange(12, torch::kFloat).view({6, 2});
  auto stock = stock_loader(x, torch::ones({1}));
  CHECK_FALSE(hone::batch_count(*stock).has_value());
  std::vector<std::int64_t> sizes;
  for (auto& batch : hone::make_loader(*stock)) sizes.push_back(hone::batch_size(batch));
  CHECK(sizes == std::vector<std::int64_t>{4, 2});
}

TEST_CASE("set_epoch sets the epoch of a loader and ignores other ranges") {
  auto loader =
      hone::make_loader(hone::TensorDataset{torch::arange(10)}, {.batch_size = 1, .shuffle = true, .seed = 7});
  hone::set_epoch(loader, 3);
  CHECK((*loader.begin()).item<std::int64_t>() == 9);
  Batches batches;
  hone::set_epoch(batches, 3);
}

TEST_CASE("require_share throws for a loader with the shard of another rank and accepts other ranges") {
  const hone::TensorDataset dataset{torch::arange(10)};
  const auto whole = hone::make_loader(dataset, {.batch_size = 2});
  const auto part = hone::make_loader(Dataset{}, {.batch_size = 2, .share = {2, 3}});
  CHECK_NOTHROW(hone::require_share(whole, {}));
  CHECK_NOTHROW(hone::require_share(part, {2, 3}));
  CHECK_NOTHROW(hone::require_share(part, {}));  // a single rank may use any shard
  CHECK_NOTHROW(hone::require_share(Batches{}, {2, 3}));
  CHECK_THROWS_WITH(hone::require_share(whole, {2, 3}),
                    "The loader has the shard of rank 0 of 1, but this process is rank 2 of 3. Create it with .share = "
                    "{2, 3}, or pass the dataset instead.");
  CHECK_THROWS_AS(hone::require_share(part, {1, 3}), std::invalid_argument);
}

static_assert(!hone::LoadableHandle<std::unique_ptr<int>&> && !hone::LoadableHandle<std::vector<int>&>);

}  // namespace
