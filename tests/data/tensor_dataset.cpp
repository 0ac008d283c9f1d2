// SPDX-License-Identifier: Apache-2.0
#include "hone/data/tensor_dataset.hpp"

#include <torch/torch.h>

#include <boost/hana.hpp>
#include <string>

#include "support/catch.hpp"

namespace {

using torch::Tensor;

struct Samples {
  BOOST_HANA_DEFINE_STRUCT(Samples, (Tensor, x), (Tensor, y));
};

static_assert(std::is_same_v<decltype(hone::TensorDataset{Tensor{}}), hone::TensorDataset<Tensor>>);
static_assert(
    std::is_same_v<decltype(hone::TensorDataset{Tensor{}, Tensor{}}), hone::TensorDataset<std::pair<Tensor, Tensor>>>);
static_assert(std::is_same_v<decltype(hone::TensorDataset{Tensor{}, Tensor{}, Tensor{}}),
                             hone::TensorDataset<std::tuple<Tensor, Tensor, Tensor>>>);
static_assert(std::is_same_v<decltype(hone::TensorDataset{Samples{}}), hone::TensorDataset<Samples>>);

template <class F>
std::string message(F&& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("TensorDataset returns its samples as views of the tensors") {
  const auto x = torch::arange(12).view({6, 2});
  const auto y = torch::arange(6);
  const hone::TensorDataset dataset{x, y};
  CHECK(dataset.size() == 6);
  CHECK(dataset[4].first.equal(x[4]));
  CHECK(dataset.get(4).second.item<std::int64_t>() == 4);
  CHECK(dataset.tensors().first.data_ptr() == x.data_ptr());

  const hone::TensorDataset three{x, y, y};
  CHECK(std::get<2>(three[5]).item<std::int64_t>() == 5);
  const hone::TensorDataset structure{Samples{x, y}};
  CHECK(structure[1].x.equal(x[1]));
  const hone::TensorDataset one{x};
  CHECK(one[0].equal(x[0]));
}

TEST_CASE("TensorDataset::to copies to another device and returns the same tensors on its device") {
  const hone::TensorDataset dataset{torch::ones({3, 2}), torch::ones({3})};
  CHECK(dataset.to(torch::kCPU).tensors().first.is_same(dataset.tensors().first));
  const auto there = dataset.to(torch::kMeta);
  CHECK(there.size() == 3);
  CHECK(there.tensors().first.is_meta());
  CHECK(there.tensors().second.is_meta());
}

TEST_CASE("subset is a view, may be empty, and throws for a range outside the dataset") {
  const auto x = torch::arange(10);
  const hone::TensorDataset dataset{x};
  const auto part = dataset.subset(3, 4);
  CHECK(part.size() == 4);
  CHECK(part[0].item<std::int64_t>() == 3);
  CHECK(part.tensors().storage().data() == x.storage().data());
  CHECK(dataset.subset(10, 0).size() == 0);
  CHECK(message([&] { (void)dataset.subset(8, 3); }) ==
        "A subset of 3 samples from sample 8 exceeds the dataset, which has 10. Pass a range inside the dataset.");
  CHECK_THROWS_AS(dataset.subset(-1, 3), std::invalid_argument);
  CHECK_THROWS_AS(dataset.get(10), std::out_of_range);
  CHECK_THROWS_AS(dataset.get(-1), std::out_of_range);
}

TEST_CASE("TensorDataset throws DataError for tensors of different lengths, scalars and undefined tensors") {
  CHECK(message([] { hone::TensorDataset{torch::zeros({5, 2}), torch::zeros({4})}; }) ==
        "Tensor 1 of the dataset has 4 samples, but tensor 0 has 5. Give all tensors of a dataset the same first "
        "dimension.");
  CHECK(message([] { hone::TensorDataset{torch::tensor(1.0)}; }) ==
        "Tensor 0 of the dataset is a scalar. Pass tensors of shape [samples, ...].");
  CHECK(message([] { hone::TensorDataset{torch::zeros({5}), Tensor{}}; }) ==
        "Tensor 1 of the dataset is undefined. Pass tensors of shape [samples, ...].");
  CHECK_NOTHROW(hone::TensorDataset{torch::zeros({0, 2}), torch::zeros({0})});
}

}  // namespace
