// SPDX-License-Identifier: Apache-2.0
#include "hone/data/tensor_loader.hpp"

#include <torch/torch.h>

#include <boost/hana.hpp>
#include <range/v3/view/take.hpp>
#include <range/v3/view/transform.hpp>
#include <ranges>
#include <string>
#include <vector>

#include "hone/step/guards.hpp"
#include "support/catch.hpp"

namespace {

using torch::Tensor;
using Pair = std::pair<Tensor, Tensor>;
using Loader = hone::TensorLoader<Pair>;

static_assert(std::ranges::input_range<Loader> && !std::ranges::forward_range<Loader>);
static_assert(std::ranges::sized_range<Loader>);
static_assert(ranges::input_range<Loader&>);
static_assert(!std::is_copy_constructible_v<Loader> && std::is_move_constructible_v<Loader>);

struct Samples {
  BOOST_HANA_DEFINE_STRUCT(Samples, (Tensor, x), (std::string, origin), (Tensor, y));
};

hone::TensorDataset<Pair> numbered(std::int64_t count) {
  const auto y = torch::arange(count);
  return {torch::stack({y, y * y}, 1).to(torch::kFloat), y};
}

template <class L>
std::vector<std::int64_t> visited(L& loader) {
  std::vector<std::int64_t> seen;
  for (auto& [x, y] : loader) {
    for (std::int64_t i = 0; i < y.size(0); ++i) {
      seen.push_back(y[i].template item<std::int64_t>());
      REQUIRE(x[i][1].template item<double>() == static_cast<double>(seen.back() * seen.back()));
    }
  }
  return seen;
}

template <class Error, class F>
std::string message(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no such error";
}

TEST_CASE("in stored order, batches are views of the dataset, and the last one is short") {
  const auto dataset = numbered(10);
  Loader loader{dataset, {.batch_size = 4}};
  CHECK(loader.size() == 3);
  std::vector<std::int64_t> widths;
  for (const auto& batch : loader) {
    CHECK(batch.first.storage().data() == dataset.tensors().first.storage().data());
    widths.push_back(batch.second.size(0));
  }
  CHECK(widths == std::vector<std::int64_t>{4, 4, 2});
  CHECK(visited(loader) == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("a shuffled epoch visits each sample once, inputs and targets together, in the sampler's order") {
  Loader loader{numbered(10), {.batch_size = 3, .shuffle = true, .seed = 7}};
  CHECK(loader.size() == 4);
  CHECK(visited(loader) == std::vector<std::int64_t>{8, 6, 2, 0, 4, 7, 5, 3, 1, 9});
  loader.set_epoch(3);
  CHECK(visited(loader) == std::vector<std::int64_t>{9, 1, 0, 5, 4, 6, 7, 8, 2, 3});
  loader.set_epoch(0);
  CHECK(visited(loader) == std::vector<std::int64_t>{8, 6, 2, 0, 4, 7, 5, 3, 1, 9});
  CHECK(visited(loader) != std::vector<std::int64_t>{8, 6, 2, 0, 4, 7, 5, 3, 1, 9});  // epoch 1
}

TEST_CASE("drop_last leaves full batches only") {
  for (const bool shuffle : {false, true}) {
    Loader loader{numbered(10), {.batch_size = 4, .shuffle = shuffle, .drop_last = true}};
    CHECK(loader.size() == 2);
    CHECK(visited(loader).size() == 8);
  }
}

TEST_CASE("shuffled batches reuse their buffers, and the caller may replace the tensors of a batch") {
  Loader loader{numbered(12), {.batch_size = 4, .shuffle = true, .seed = 7}};
  std::vector<const void*> buffers;
  for (auto& batch : loader) {
    buffers.push_back(batch.first.data_ptr());
    batch.first = torch::zeros({1});
    batch.second = Tensor{};
  }
  CHECK(buffers == std::vector<const void*>(3, buffers[0]));
  loader.set_epoch(0);
  CHECK(visited(loader).size() == 12);
}

TEST_CASE("backward throws if a batch that it needs was overwritten by the next one") {
  Loader loader{numbered(8), {.batch_size = 4, .shuffle = true}};
  auto weight = torch::ones({2}, torch::requires_grad());
  auto it = loader.begin();
  const auto loss = ((*it).first * weight).sum();
  ++it;
  CHECK_THROWS_AS(loss.backward(), c10::Error);
}

TEST_CASE("gathered batches match index_select for every type, layout and row size") {
  const auto rows = torch::arange(40).view({40, 1, 1});
  const auto kind = GENERATE(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  const auto threads = GENERATE(1, 2);
  const hone::ThreadGuard guard(threads);
  Tensor x;
  if (kind == 0) x = rows.expand({40, 3, 5}).to(torch::kUInt8).contiguous();
  if (kind == 1) x = rows.expand({40, 3, 5});                                     // non-contiguous
  if (kind == 2) x = rows.expand({40, 100, 70}).to(torch::kDouble).contiguous();  // large enough for several threads
  if (kind == 3) x = torch::complex(rows.to(torch::kFloat), rows.to(torch::kFloat)).conj();
  if (kind == 4) x = torch::zeros({40, 0});
  if (kind >= 5)
    x = rows.expand({40, 1, std::int64_t{1} << (kind - 5)}).to(torch::kFloat).contiguous();  // 4 to 64 bytes
  CAPTURE(kind, threads);
  const auto order = hone::RandomSampler{5}.order(40, 0);
  hone::TensorLoader<Tensor> loader{hone::TensorDataset{x}, {.batch_size = 12, .shuffle = true, .seed = 5}};
  std::int64_t first = 0;
  for (const auto& batch : loader) {
    const auto width = std::min<std::int64_t>(12, 40 - first);
    CHECK(batch.equal(x.index_select(0, order.narrow(0, first, width))));
    first += width;
  }
  CHECK(first == 40);
}

TEST_CASE("TensorLoader accepts a struct adapted with Boost.Hana and copies its other members") {
  const auto [x, y] = numbered(6).tensors();
  hone::TensorLoader loader{hone::TensorDataset{Samples{x, "here", y}}, {.batch_size = 4, .shuffle = true}};
  std::int64_t sum = 0;
  for (const auto& batch : loader) {
    CHECK(batch.origin == "here");
    CHECK(batch.x.size(0) == batch.y.size(0));
    sum += batch.y.sum().item<std::int64_t>();
  }
  CHECK(sum == 15);
}

TEST_CASE("views of range-v3 and of the standard library compose with a loader") {
  Loader loader{numbered(10), {.batch_size = 2, .shuffle = true, .seed = 7}};
  std::vector<std::int64_t> seen;
  for (auto&& size : loader | ranges::views::take(2) |
                         ranges::views::transform([](Pair& batch) { return batch.second[0].item<std::int64_t>(); })) {
    seen.push_back(size);
  }
  CHECK(seen == std::vector<std::int64_t>{8, 2});
  loader.set_epoch(0);
  int count = 0;
  for (auto& batch : loader | std::views::take(3)) count += static_cast<int>(batch.second.size(0));
  CHECK(count == 6);
}

TEST_CASE("TensorLoader accepts a sampler that repeats samples, and throws for a sampler together with shuffle") {
  struct Twice {
    Tensor order(std::int64_t samples, std::int64_t) const { return torch::arange(samples).repeat(2); }
    std::int64_t count(std::int64_t samples) const { return 2 * samples; }
  };
  hone::TensorLoader<Pair, Twice> loader{numbered(5), {.batch_size = 5}, {}};
  CHECK(loader.size() == 2);
  CHECK(visited(loader) == std::vector<std::int64_t>{0, 1, 2, 3, 4, 0, 1, 2, 3, 4});
  using Ordered = hone::TensorLoader<Pair, hone::SequentialSampler>;
  CHECK(message<std::invalid_argument>([] { Ordered(numbered(5), {.batch_size = 5, .shuffle = true}, {}); }) ==
        "shuffle is set, but the sampler determines the order. Remove shuffle or the sampler.");
}

TEST_CASE("a loader that was created in inference mode can be used for training") {
  std::optional<Loader> loader;
  {
    const c10::InferenceMode mode;
    loader.emplace(numbered(8), hone::LoaderOptions{.batch_size = 4, .shuffle = true});
    (void)visited(*loader);
  }
  auto weight = torch::ones({2}, torch::requires_grad());
  for (auto& batch : *loader) (batch.first * weight).sum().backward();
  CHECK(weight.grad().defined());
}

TEST_CASE("each rank gathers its shard, and the shards of all ranks form the batches of one rank") {
  const auto kind = GENERATE(0, 1, 2);
  const auto samples = GENERATE(17, 18, 19, 20, 24);  // remainders of 8, 0, 1, 2 and 6 samples beyond steps of 3 * 3
  const bool shuffle = GENERATE(false, true);
  CAPTURE(kind, samples, shuffle);
  const auto rows = torch::arange(samples * 6).view({samples, 2, 3});
  Tensor x = rows;
  if (kind == 1) x = rows.transpose(1, 2);  // rows are not contiguous: index_select
  if (kind == 2) x = rows.unsqueeze(3).contiguous(at::MemoryFormat::ChannelsLast);
  const auto expected = hone::OptionalShuffle{shuffle, 5}.order(samples, 0);
  const auto sorted = expected.defined() ? x.index_select(0, expected) : x;
  std::vector<hone::TensorLoader<Tensor>> loaders;
  std::vector<hone::TensorLoader<Tensor>::Iterator> batches;
  for (int rank = 0; rank < 3; ++rank) {
    loaders.emplace_back(hone::TensorDataset{x},
                         hone::LoaderOptions{.batch_size = 3, .shuffle = shuffle, .seed = 5, .share = {rank, 3}});
  }
  for (int pass = 0; pass < 2; ++pass) {
    batches.clear();
    for (auto& loader : loaders) {
      loader.set_epoch(0);
      batches.push_back(loader.begin());
    }
    std::vector<Tensor> seen;
    const auto size = loaders.front().size();
    for (std::size_t k = 0; k < size; ++k) {
      for (auto& batch : batches) {
        REQUIRE(batch != std::default_sentinel);
        REQUIRE((*batch).suggest_memory_format() == x.suggest_memory_format());
        seen.push_back((*batch).clone());
        ++batch;
      }
    }
    for (auto& batch : batches) REQUIRE(batch == std::default_sentinel);
    CHECK(torch::cat(seen).equal(sorted));
  }
}

TEST_CASE("a larger last batch uses the same buffers") {
  Loader loader{numbered(13), {.batch_size = 3, .shuffle = true, .share = {0, 2}}};
  std::vector<const void*> buffers;
  std::vector<std::int64_t> widths;
  for (auto& [x, y] : loader) {
    buffers.push_back(x.data_ptr());
    widths.push_back(x.size(0));
  }
  CHECK(widths == std::vector<std::int64_t>{3, 4});
  CHECK(buffers == std::vector<const void*>(2, buffers[0]));
}

TEST_CASE("resume_after continues an epoch with the remaining samples, and the next epoch is complete") {
  const auto kind = GENERATE(0, 1, 2);
  const auto passed = GENERATE(0, 1, 4, 6, 8, 13, 15, 17);
  CAPTURE(kind, passed);
  Tensor x = torch::arange(34).view({17, 2});
  if (kind == 1) x = torch::arange(34).view({2, 17}).t();
  const auto order = hone::OptionalShuffle{kind < 2, 5}.order(17, 0);
  const auto sorted = order.defined() ? x.index_select(0, order) : x;
  std::vector<std::vector<Tensor>> parts(2);
  for (int rank = 0; rank < 2; ++rank) {
    hone::TensorLoader<Tensor> loader{hone::TensorDataset{x},
                                      {.batch_size = 2, .shuffle = kind < 2, .seed = 5, .share = {rank, 2}}};
    auto batch = loader.begin();
    loader.resume_after(passed);
    const auto count = loader.batches_after(passed);
    CHECK(loader.samples_after(count, passed) == 17);
    parts[static_cast<std::size_t>(rank)].reserve(static_cast<std::size_t>(count));
    for (++batch; batch != loader.end(); ++batch) parts[static_cast<std::size_t>(rank)].push_back((*batch).clone());
    CHECK(static_cast<std::int64_t>(parts[static_cast<std::size_t>(rank)].size()) == count);
    std::vector<std::int64_t> widths;
    for (const auto& whole : loader) widths.push_back(whole.size(0));
    CHECK(widths == (rank == 0 ? std::vector<std::int64_t>{2, 2, 2, 3} : std::vector<std::int64_t>{2, 2, 2, 2}));
  }
  std::vector<Tensor> seen{sorted.slice(0, 0, passed)};
  for (std::size_t k = 0; k < parts[0].size(); ++k) {
    seen.push_back(parts[0][k]);
    seen.push_back(parts[1][k]);
  }
  CHECK(torch::cat(seen).equal(sorted));
}

TEST_CASE("TensorLoader throws for options that leave no batch") {
  CHECK(message<std::invalid_argument>([] { Loader(numbered(4), {.batch_size = 0}); }) ==
        "batch_size is 0. Set it to 1 or greater.");
  CHECK(message<std::invalid_argument>([] { Loader(numbered(4), {.batch_size = -3}); }).find("-3") !=
        std::string::npos);
  CHECK(message<std::invalid_argument>([] { Loader(numbered(4), {.batch_size = 5, .drop_last = true}); }) ==
        "batch_size is 5, but the dataset has only 4 samples, so drop_last would leave no batch. Set batch_size to at "
        "most 4, or remove drop_last.");
  CHECK(Loader(numbered(4), {.batch_size = 5}).size() == 1);
  CHECK(Loader(numbered(4), {.batch_size = 5}).batch_size() == 4);
  CHECK(message<hone::DataError>([] { Loader(numbered(0), {}); }) == "The dataset is empty. Pass at least one sample.");
}

}  // namespace
