// SPDX-License-Identifier: Apache-2.0
#include "hone/step/forward_macs.hpp"

#include <torch/torch.h>

#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

TEST_CASE("multiplications are computed from the shapes of parameters and inputs") {
  using hone::forward_macs;
  const torch::nn::Linear linear(3, 5);
  CHECK(forward_macs(linear, torch::ones({10, 3}), 4) == 3 * 5 * 4);
  CHECK(forward_macs(linear, torch::ones({10, 7, 3}), 4) == 3 * 5 * 7 * 4);
  const torch::nn::Embedding embedding(11, 2);
  CHECK(forward_macs(embedding, torch::ones({10, 7}, torch::kInt64), 4) == 11 * 2 * 7 * 4);
  const torch::nn::Conv2d conv(torch::nn::Conv2dOptions(1, 6, 5));
  CHECK(forward_macs(conv, torch::ones({10, 1, 8, 9}), 4) == 6 * 25 * 8 * 9 * 4);
  CHECK(forward_macs(linear, tiny::dataset(), 4) == 3 * 5 * 4);
  CHECK(forward_macs(linear, tiny::batches(1), 4) == 0.0);
}

}  // namespace
