// SPDX-License-Identifier: Apache-2.0
#include "hone/data/skip_batches.hpp"

#include <torch/torch.h>

#include <cstdint>
#include <list>
#include <vector>

#include "hone/data/prefetch.hpp"
#include "hone/data/tensor_loader.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

TEST_CASE("remaining skips the first elements of a range, and throws DataError if there are fewer") {
  const std::list<int> numbers{0, 1, 2, 3, 4};
  const auto left = [&](std::int64_t passed, int& calls) {
    std::vector<int> seen;
    for (int number : hone::skip_batches(numbers, passed, [&] { ++calls; })) seen.push_back(number);
    return seen;
  };
  int calls = 0;
  CHECK(left(0, calls) == std::vector<int>{0, 1, 2, 3, 4});
  CHECK(calls == 0);
  CHECK(left(1, calls) == std::vector<int>{1, 2, 3, 4});
  CHECK(left(4, calls) == std::vector<int>{4});
  CHECK(left(5, calls).empty());
  CHECK(calls == 3);
  CHECK_THROWS_AS(left(6, calls), hone::DataError);
}

TEST_CASE("remaining skips batches of a loader without making them") {
  static_assert(hone::SkipsBatches<hone::TensorLoader<tiny::Batch>>);
  const auto first_inputs = [](std::int64_t passed) {
    hone::TensorLoader loader{tiny::dataset(22), {.batch_size = 4, .shuffle = true, .seed = 5}};
    std::vector<torch::Tensor> seen;
    for (auto& [inputs, labels] : hone::skip_batches(loader, passed, [] {})) seen.push_back(inputs.clone());
    return seen;
  };
  const auto all = first_inputs(0);
  for (std::int64_t passed = 1; passed <= 6; ++passed) {
    const auto rest = first_inputs(passed);
    REQUIRE(rest.size() == all.size() - static_cast<std::size_t>(passed));
    for (std::size_t i = 0; i < rest.size(); ++i) {
      CHECK(torch::equal(rest[i], all[i + static_cast<std::size_t>(passed)]));
    }
  }

  struct Counts {
    mutable std::int64_t made = 0;
    std::int64_t size() const { return 40; }
    torch::Tensor get(std::int64_t i) const {
      ++made;
      return torch::full({1}, i);
    }
  } samples;
  hone::IndexedLoader<Counts&> loader{samples, {.batch_size = 4}};
  for (auto& batch : hone::skip_batches(loader, 8, [] {})) static_cast<void>(batch);
  CHECK(samples.made == 4 + 8);
}

TEST_CASE("remaining continues after a number of samples if the earlier batches had another size") {
  using Numbers = std::vector<std::int64_t>;
  static_assert(hone::Repartitionable<hone::TensorLoader<torch::Tensor>&> && !hone::Repartitionable<std::list<int>&>);
  hone::TensorLoader<torch::Tensor> loader{hone::TensorDataset{torch::arange(22)}, {.batch_size = 4}};
  const auto firsts = [](auto&& batches) {
    Numbers seen;
    for (auto& batch : batches) seen.push_back(batch[0].template item<std::int64_t>());
    return seen;
  };
  int calls = 0;
  const auto left = [&](std::int64_t samples) { return hone::skip_batches(loader, 3, [&] { ++calls; }, samples); };
  CHECK(firsts(left(9)) == Numbers{9, 13, 17, 21});
  CHECK(firsts(left(22)).empty());
  CHECK(firsts(loader) == Numbers{0, 4, 8, 12, 16, 20});
  auto rest = left(18);
  hone::Prefetched ahead(rest, 2);
  CHECK(firsts(ahead) == Numbers{18});
  CHECK(calls == 3);
  CHECK_THROWS_AS(firsts(left(23)), hone::DataError);

  const std::list<int> numbers{0, 1, 2};
  auto of_list = hone::skip_batches(numbers, 1, [] {}, 8);
  CHECK_THROWS_WITH(
      of_list.begin(),
      "The run resumes after 8 samples of the epoch with another batch size or number of processes, which this range "
      "of batches does not support. Pass a dataset, or resume with the same batch size and number of processes.");
}

struct SkipsWithoutACount : std::vector<int> {
  void skip() {}
};
static_assert(hone::BatchRange<std::vector<int>&> && !hone::SkipsBatches<SkipsWithoutACount&>);
