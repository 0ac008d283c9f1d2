// SPDX-License-Identifier: Apache-2.0
#include "hone/data/unshard_permutation.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>

#include <algorithm>
#include <vector>

#include "hone/data/tensor_loader.hpp"
#include "support/catch.hpp"

namespace {

TEST_CASE("unshard_permutation restores the order of the dataset from gathered ranks") {
  for (const std::int64_t samples : {5, 12, 13, 16, 17, 24}) {
    for (int n = 1; n <= 4; ++n) {
      for (const std::int64_t usual : {1, 2, 3, 8}) {
        for (const bool drop_last : {false, true}) {
          CAPTURE(samples, n, usual, drop_last);
          hone::LoaderOptions options{.drop_last = drop_last, .share = {0, n}};
          options.batch_size = std::min(hone::fitting_batch_size(samples, usual, options.share), samples / n);
          const auto dataset = at::arange(samples);
          std::vector<at::Tensor> parts;
          for (int rank = 0; rank < n; ++rank) {
            auto share = options;
            share.share.rank = rank;
            hone::TensorLoader<at::Tensor> loader(hone::TensorDataset{dataset}, share);
            for (const auto& batch : loader) parts.push_back(batch);
          }
          const auto gathered = at::cat(parts);
          const auto whole = options.batch_size * n;
          REQUIRE(gathered.size(0) == (drop_last ? samples / whole * whole : samples));
          REQUIRE(at::index_select(gathered, 0, hone::unshard_permutation(samples, options))
                      .equal(at::arange(gathered.size(0))));
        }
      }
    }
  }
}

TEST_CASE("unshard_permutation throws for a shuffled loader and for options that leave no batch") {
  const hone::TensorDataset ten{at::arange(10)};
  CHECK(hone::TensorLoader(ten, {.batch_size = 2}, hone::SequentialSampler{})
            .unshard_permutation()
            .equal(at::arange(10)));
  CHECK_THROWS_AS(hone::TensorLoader(ten, {.batch_size = 2}, hone::RandomSampler{1}).unshard_permutation(),
                  std::invalid_argument);
  CHECK_THROWS_AS(hone::unshard_permutation(10, {.batch_size = 2, .shuffle = true}), std::invalid_argument);
  CHECK_THROWS_AS(hone::unshard_permutation(10, {.batch_size = 6, .drop_last = true, .share = {0, 2}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(hone::unshard_permutation(1, {.batch_size = 1, .share = {0, 2}}), hone::DataError);
}

}  // namespace
