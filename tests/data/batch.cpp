// SPDX-License-Identifier: Apache-2.0
#include "hone/data/batch.hpp"

#include <torch/torch.h>

#include <array>
#include <boost/hana.hpp>
#include <string>
#include <tuple>
#include <utility>

#include "hone/callbacks/target.hpp"
#include "support/catch.hpp"

namespace {

struct Pictures {
  BOOST_HANA_DEFINE_STRUCT(Pictures, (torch::Tensor, image), (std::string, name), (torch::Tensor, mask),
                           (torch::Tensor, label));
};

struct Adapted {
  torch::Tensor x;
  torch::Tensor y;
};

struct Weighted {
  BOOST_HANA_DEFINE_STRUCT(Weighted, (torch::Tensor, x), (torch::Tensor, target), (torch::Tensor, weight));
};
struct Named : Weighted {};

}  // namespace
BOOST_HANA_ADAPT_STRUCT(Adapted, x, y);
BOOST_HANA_ADAPT_STRUCT(Named, x, target, weight);
template <>
struct hone::BatchParts<Named> {
  static auto inputs(auto& batch) { return std::tie(batch.x); }
  static auto& target(auto& batch) { return batch.target; }
};
namespace {

using torch::Tensor;
using Pair = std::pair<Tensor, Tensor>;
using Nested = std::pair<std::tuple<Tensor, int>, std::vector<Tensor>>;

static_assert(hone::HoldsTensors<Tensor> && hone::HoldsTensors<const Pair&> && hone::HoldsTensors<Nested>);
static_assert(!hone::HoldsTensors<int> && !hone::HoldsTensors<std::pair<int, std::string>>);
static_assert(hone::InputsAndTarget<Pictures> && hone::InputsAndTarget<Adapted&> && hone::InputsAndTarget<Nested>);
static_assert(hone::InputsAndTarget<torch::data::Example<>> && !hone::InputsAndTarget<torch::data::TensorExample>);
static_assert(hone::InputsAndTarget<std::array<Tensor, 3>> && !hone::InputsAndTarget<std::tuple<Tensor>>);
static_assert(!hone::InputsAndTarget<std::pair<Tensor, std::string>>);
static_assert(!hone::InputsAndTarget<Weighted> && hone::InputsAndTarget<Named> && hone::InputsAndTarget<const Named&>);

template <class Batch, class F>
decltype(auto) with_target_and_inputs(Batch& batch, F f) {
  return std::apply(f, hone::target_and_inputs(batch));
}
template <class Batch, class F>
decltype(auto) with_inputs(Batch& batch, F f) {
  return std::apply(f, hone::inputs_of(batch));
}

/// Returns whether metrics and the loss use the same member as the target.
template <class Batch>
bool have_one_target(const Batch& batch) {
  return with_target_and_inputs(batch, [&](const auto& target, const auto&...) {
    return static_cast<const void*>(&target) == static_cast<const void*>(&hone::detail::target_of(batch));
  });
}

TEST_CASE("the loss and the metrics use the same member as the target") {
  const auto one = torch::ones({2});
  CHECK(have_one_target(Pair{one, one}));
  CHECK(have_one_target(std::tuple{one, 7, one, one, std::string("file")}));
  CHECK(have_one_target(std::array{one, one, one}));
  CHECK(have_one_target(Pictures{one, "cats", one, one}));
  CHECK(have_one_target(Adapted{one, one}));
  CHECK(have_one_target(torch::data::Example<>{one, one}));
  CHECK(have_one_target(Nested{{one, 7}, {one, one}}));
  CHECK(have_one_target(std::pair{Pair{one, one}, one}));
  const Named named{{one, one, one}};
  CHECK(have_one_target(named));
  CHECK(&hone::detail::target_of(named) == &named.target);
  CHECK(with_inputs(named, [&](const auto&... inputs) { return sizeof...(inputs); }) == 1);
}

TEST_CASE("for_each_tensor visits every tensor of a batch once, in order, at any depth") {
  Nested batch{{torch::full({2}, 1.0), 7}, {torch::full({2}, 2.0), torch::full({2}, 3.0)}};
  std::vector<double> seen;
  hone::for_each_tensor(std::as_const(batch), [&](const Tensor& t) { seen.push_back(t[0].item<double>()); });
  CHECK(seen == std::vector{1.0, 2.0, 3.0});

  hone::for_each_tensor(batch, [](Tensor& t) { t = t + 10; });
  CHECK(batch.second[1][0].item<double>() == 13.0);
  CHECK(std::get<1>(batch.first) == 7);
}

TEST_CASE("map_tensors copies a batch with mapped tensors and does not change the original") {
  const Pictures batch{torch::ones({2, 3}), "cats", torch::zeros({2}), torch::ones({2})};
  const Pictures mapped = hone::map_tensors(batch, [](const Tensor& t) { return t.to(torch::kDouble); });
  CHECK(mapped.name == "cats");
  CHECK(mapped.mask.scalar_type() == torch::kDouble);
  CHECK(batch.mask.scalar_type() == torch::kFloat);
}

TEST_CASE("batch_size is the first dimension of the first tensor that has dimensions") {
  CHECK(hone::batch_size(torch::zeros({3, 2})) == 3);
  CHECK(hone::batch_size(Pair{torch::tensor(1.0), torch::zeros({5})}) == 5);
  CHECK(hone::batch_size(Adapted{{}, torch::zeros({4})}) == 4);
  CHECK_THROWS_AS(hone::batch_size(torch::tensor(1.0)), hone::DataError);
}

TEST_CASE("check_batch throws DataError for tensors of different lengths") {
  CHECK_NOTHROW(hone::check_batch(Pair{torch::zeros({4, 2}), torch::zeros({4})}));
  try {
    hone::check_batch(Pair{torch::zeros({4, 2}), torch::zeros({3})});
    FAIL("no error");
  } catch (const hone::DataError& error) {
    CHECK(std::string(error.what()) ==
          "Tensor 1 of the batch has 3 samples, but the tensors before it have 4. Give all tensors of a batch the same "
          "first dimension.");
  }
}

TEST_CASE("the last member with tensors is the target and the other members with tensors are the inputs") {
  SECTION("pair") {
    Pair batch{torch::zeros({2}), torch::ones({2})};
    with_target_and_inputs(batch, [&](Tensor& target, Tensor& input) {
      CHECK(&target == &batch.second);
      CHECK(&input == &batch.first);
    });
    CHECK(&with_inputs(batch, [](Tensor& input) -> Tensor& { return input; }) == &batch.first);
  }
  SECTION("tuple") {
    const std::tuple<Tensor, Tensor, int, Tensor> batch;
    with_target_and_inputs(batch, [&](const Tensor& target, const Tensor& a, const Tensor& b) {
      CHECK(&target == &std::get<3>(batch));
      CHECK(&a == &std::get<0>(batch));
      CHECK(&b == &std::get<1>(batch));
    });
    CHECK(with_inputs(batch, [](const auto&... inputs) { return sizeof...(inputs); }) == 2);
  }
  SECTION("example") {
    torch::data::Example<> batch;
    CHECK(with_target_and_inputs(
        batch, [&](Tensor& target, Tensor& input) { return &target == &batch.target && &input == &batch.data; }));
    torch::data::TensorExample unlabelled;
    CHECK(with_inputs(unlabelled, [&](Tensor& input) { return &input == &unlabelled.data; }));
  }
  SECTION("struct adapted with Boost.Hana, with other members") {
    Pictures batch;
    CHECK(with_target_and_inputs(batch, [&](Tensor& target, Tensor& image, Tensor& mask) {
      return &target == &batch.label && &image == &batch.image && &mask == &batch.mask;
    }));
    Adapted adapted;
    CHECK(with_inputs(adapted, [&](Tensor& x) { return &x == &adapted.x; }));
  }
  SECTION("a member of several tensors is one input") {
    Nested batch;
    with_target_and_inputs(batch, [&](std::vector<Tensor>& target, std::tuple<Tensor, int>& input) {
      CHECK(&target == &batch.second);
      CHECK(&input == &batch.first);
    });
  }
  SECTION("no target") {
    Tensor alone;
    CHECK(with_inputs(alone, [&](Tensor& input) { return &input == &alone; }));
    std::vector<Tensor> several(2);
    CHECK(with_inputs(several, [&](std::vector<Tensor>& input) { return &input == &several; }));
  }
}

}  // namespace
