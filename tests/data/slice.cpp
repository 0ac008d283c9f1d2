// SPDX-License-Identifier: Apache-2.0
#include "hone/data/slice.hpp"

#include <torch/torch.h>

#include <boost/hana.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

struct Named {
  std::string file;
  std::pair<Tensor, std::vector<Tensor>> inputs;
  Tensor weight, target;
};

struct Outputs {
  Tensor scores, loss, nothing;
};

}  // namespace

BOOST_HANA_ADAPT_STRUCT(Named, file, inputs, weight, target);
BOOST_HANA_ADAPT_STRUCT(Outputs, scores, loss, nothing);

TEST_CASE("slice_batch slices all tensors of a batch along their samples, as views") {
  const auto rows = torch::arange(10).reshape({5, 2});
  const Named batch{"a", {rows, {rows + 1}}, torch::tensor(2.0), torch::arange(5)};
  const auto part = hone::slice_batch(batch, 1, 3);
  CHECK(part.file == "a");
  CHECK(torch::equal(part.inputs.first, rows.slice(0, 1, 3)));
  CHECK(part.inputs.first.is_alias_of(rows));
  CHECK(torch::equal(part.inputs.second[0], rows.slice(0, 1, 3) + 1));
  CHECK(part.weight.item<double>() == 2.0);
  CHECK(torch::equal(part.target, torch::tensor({1, 2})));
  CHECK_THROWS_AS(hone::slice_batch(std::pair{rows, torch::arange(4)}, 0, 2), hone::DataError);
}

TEST_CASE("joined concatenates the outputs of parts and averages scalars by size") {
  const std::vector<std::int64_t> sizes{2, 1};
  std::vector<Outputs> parts{{torch::ones({2, 3}), torch::tensor(3.0), {}},
                             {torch::zeros({1, 3}), torch::tensor(6.0), {}}};
  const auto whole = hone::joined<Outputs>(parts, sizes);
  CHECK(torch::equal(whole.scores, torch::cat({torch::ones({2, 3}), torch::zeros({1, 3})})));
  CHECK(whole.loss.item<float>() == 4.0F);
  CHECK_FALSE(whole.nothing.defined());
  std::vector<Tensor> odd{torch::ones({3}), torch::ones({3})};
  CHECK(tiny::contains(tiny::message_of<hone::DataError>([&] { return hone::joined<Tensor>(odd, sizes); }),
                       "Output tensor 0 of the model has 1 dimensions"));
}
