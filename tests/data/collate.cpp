// SPDX-License-Identifier: Apache-2.0
#include "hone/data/collate.hpp"

#include <torch/torch.h>

#include <boost/hana.hpp>
#include <string>

#include "support/catch.hpp"

namespace {

using torch::Tensor;

struct Sample {
  BOOST_HANA_DEFINE_STRUCT(Sample, (Tensor, x), (Tensor, y));
};
struct Labelled {
  BOOST_HANA_DEFINE_STRUCT(Labelled, (Tensor, x), (int, label));
};

template <class T>
using Stacked = decltype(hone::default_collate(std::declval<std::vector<T>>()));

static_assert(std::is_same_v<Stacked<Tensor>, Tensor> && std::is_same_v<Stacked<float>, Tensor>);
static_assert(std::is_same_v<Stacked<std::pair<Tensor, int>>, std::pair<Tensor, Tensor>>);
static_assert(std::is_same_v<Stacked<std::tuple<Tensor, Tensor, int>>, std::tuple<Tensor, Tensor, Tensor>>);
static_assert(std::is_same_v<Stacked<Sample>, Sample>);
static_assert(std::is_same_v<Stacked<Labelled>, std::tuple<Tensor, Tensor>>);
static_assert(std::is_same_v<Stacked<torch::data::Example<>>, torch::data::Example<>>);
static_assert(!hone::Stackable<std::string> && !hone::Stackable<std::pair<Tensor, std::string>>);

TEST_CASE("default_collate stacks tensors and converts numbers to a tensor") {
  const auto batch =
      hone::default_collate(std::vector<std::pair<Tensor, int>>{{torch::zeros({2, 3}), 4}, {torch::ones({2, 3}), -1}});
  CHECK(batch.first.equal(torch::stack({torch::zeros({2, 3}), torch::ones({2, 3})})));
  CHECK(batch.second.equal(torch::tensor({4, -1}, torch::kLong)));
  CHECK(hone::default_collate(std::vector<std::uint8_t>{1, 2}).scalar_type() == torch::kLong);
  CHECK(hone::default_collate(std::vector<float>{1, 2}).scalar_type() == torch::kFloat);
  CHECK(hone::default_collate(std::vector<double>{1, 2}).scalar_type() == torch::kDouble);
  CHECK(hone::default_collate(std::vector<bool>{true, false}).scalar_type() == torch::kBool);
}

TEST_CASE("default_collate stacks structs and vectors of tensors by member") {
  const auto structure = hone::default_collate(
      std::vector<Sample>{{torch::zeros({2}), torch::tensor(1)}, {torch::ones({2}), torch::tensor(2)}});
  CHECK(structure.x.sizes() == at::IntArrayRef{2, 2});
  CHECK(structure.y.equal(torch::tensor({1, 2})));
  const auto labelled = hone::default_collate(std::vector<Labelled>{{torch::zeros({2}), 3}});
  CHECK(std::get<1>(labelled).item<std::int64_t>() == 3);
  const auto lists = hone::default_collate(
      std::vector<std::vector<Tensor>>{{torch::zeros({2}), torch::zeros({3})}, {torch::ones({2}), torch::ones({3})}});
  CHECK(lists.size() == 2);
  CHECK(lists[1].sizes() == at::IntArrayRef{2, 3});
}

TEST_CASE("default_collate throws DataError for samples of different shapes, undefined tensors and no samples") {
  try {
    (void)hone::default_collate(std::vector<Tensor>{torch::zeros({2, 3}), torch::zeros({2, 4})});
    FAIL("no error");
  } catch (const hone::DataError& error) {
    CHECK(std::string(error.what()) ==
          "Sample 1 of a batch has shape [2, 4], but sample 0 has [2, 3]. Return samples of the same shape, or pass a "
          "collate function that pads them.");
  }
  CHECK_THROWS_AS(hone::default_collate(std::vector<Tensor>{}), hone::DataError);
  CHECK_THROWS_AS(hone::default_collate(std::vector<Tensor>{Tensor{}}), hone::DataError);
  CHECK_THROWS_AS(hone::default_collate(std::vector<std::vector<Tensor>>{{torch::zeros(1)}, {}}), hone::DataError);
}

}  // namespace
