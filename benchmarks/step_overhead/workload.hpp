// SPDX-License-Identifier: Apache-2.0
/// The quickstart network, 784-128-64-10 with batches of 32, and data with the shape of MNIST.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/loss.h>
#include <torch/nn/pimpl.h>
#include <torch/utils.h>

#include <cstdint>

inline constexpr std::int64_t batch_size = 32;
inline constexpr double lr = 1e-3, momentum = 0.9;
inline constexpr std::uint64_t seed = 1;

struct MlpImpl : torch::nn::Module {
  torch::nn::Linear first{784, 128}, second{128, 64}, third{64, 10};

  MlpImpl() {
    register_module("first", first);
    register_module("second", second);
    register_module("third", third);
  }
  torch::Tensor forward(const torch::Tensor& x) { return third(torch::relu(second(torch::relu(first(x.flatten(1)))))); }
};
TORCH_MODULE(Mlp);

inline Mlp make_model() {
  torch::manual_seed(seed);
  return {};
}

struct Data {
  torch::Tensor images, labels;
};

/// Returns random images and labels. The cost of a step does not depend on their values.
inline const Data& data(std::int64_t steps) {
  static const Data made = [&] {
    torch::manual_seed(seed);
    const auto samples = steps * batch_size;
    return Data{torch::rand({samples, 1, 28, 28}), torch::randint(10, {samples}, torch::kInt64)};
  }();
  return made;
}
