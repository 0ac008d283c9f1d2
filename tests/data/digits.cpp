// SPDX-License-Identifier: Apache-2.0
#include "hone/data/digits.hpp"

#include <torch/torch.h>

#include <span>

#include "support/catch.hpp"

namespace {

using torch::Tensor;

/// FNV-1a hash of the pixels as bytes and of the labels.
std::uint64_t checksum(const hone::TensorDataset<std::pair<Tensor, Tensor>>& dataset) {
  const auto pixels = dataset.tensors().first.mul(255).round().to(torch::kByte).flatten();
  const auto bytes = torch::cat({pixels, dataset.tensors().second.to(torch::kByte)});
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const auto byte : std::span(bytes.data_ptr<std::uint8_t>(), static_cast<std::size_t>(bytes.numel()))) {
    hash = (hash ^ byte) * 0x100000001B3U;
  }
  return hash;
}

TEST_CASE("digits of a seed are bit-identical on every platform") {
  // Verified with g++ 12 and clang 19, at -O0 and at -O3 with contracted floating-point arithmetic.
  CHECK(checksum(hone::digits(100, 1)) == 0xB8192764422D4592U);
  CHECK(checksum(hone::digits(100, 2)) == 0x4508AC0CAC1D5737U);
}

TEST_CASE("digits have the shapes, types and value range of MNIST") {
  const auto [images, labels] = hone::digits(500, 3).tensors();
  CHECK(images.sizes() == at::IntArrayRef{500, 1, 28, 28});
  CHECK(images.scalar_type() == torch::kFloat);
  CHECK(images.min().item<float>() == 0.0F);
  CHECK(images.max().item<float>() <= 1.0F);
  CHECK(labels.scalar_type() == torch::kLong);
  CHECK(labels.bincount({}, 10).min().item<std::int64_t>() > 25);
  CHECK(labels.max().item<std::int64_t>() == 9);
}

TEST_CASE("digit i does not depend on the number of digits, and a count below 1 throws") {
  CHECK(hone::digits(5, 9).tensors().first.equal(hone::digits(12, 9).subset(0, 5).tensors().first));
  CHECK_THROWS_AS(hone::digits(0, 1), std::invalid_argument);
  CHECK_THROWS_AS(hone::digits(-4, 1), std::invalid_argument);
}

TEST_CASE("a model trained on digits of one seed recognizes digits of another seed") {
  torch::manual_seed(0);
  const auto [x, y] = hone::digits(3000, 1).tensors();
  const auto [test_x, test_y] = hone::digits(1000, 2).tensors();
  torch::nn::Sequential model(torch::nn::Flatten(), torch::nn::Linear(784, 64), torch::nn::ReLU(),
                              torch::nn::Linear(64, 10));
  torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9));
  for (std::int64_t step = 0; step < 300; ++step) {
    const auto first = step * 50 % 3000;
    optimizer.zero_grad();
    torch::nn::functional::cross_entropy(model->forward(x.narrow(0, first, 50)), y.narrow(0, first, 50)).backward();
    optimizer.step();
  }
  const torch::NoGradGuard no_grad;
  const auto accuracy = model->forward(test_x).argmax(1).eq(test_y).to(torch::kFloat).mean().item<double>();
  CHECK(accuracy > 0.9);
  CHECK(accuracy < 1.0);
}

}  // namespace
