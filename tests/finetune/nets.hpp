// SPDX-License-Identifier: Apache-2.0
/// Models in layer groups, for the tests of fine-tuning.
#pragma once

#include <torch/torch.h>

#include <cstddef>
#include <string>
#include <vector>

#include "hone/optim/parameter_group.hpp"

namespace nets {

using torch::Tensor;

struct BlockImpl : torch::nn::Module {
  Tensor forward(const Tensor& inputs) { return tanh(norm(linear(inputs))); }

  torch::nn::Linear linear = register_module("0", torch::nn::Linear(4, 4));
  torch::nn::BatchNorm1d norm = register_module("1", torch::nn::BatchNorm1d(4));
  torch::nn::Tanh tanh = register_module("2", torch::nn::Tanh());
};
TORCH_MODULE(Block);

/// Six groups: three blocks of linear, batch norm and activation, with a dropout and a linear layer between them and a
/// linear head.
inline torch::nn::Sequential blocks() {
  namespace nn = torch::nn;
  return nn::Sequential(Block(), Block(), nn::Dropout(0.5), nn::Linear(4, 4), Block(), nn::Linear(4, 2));
}

/// A model with a class token, and a child that is a container with a direct parameter.
struct TokenBlockImpl : torch::nn::Module {
  Tensor forward(const Tensor& inputs) { return inner(inputs) * scale; }

  Tensor scale = register_parameter("scale", torch::ones({4}));
  torch::nn::Linear inner = register_module("inner", torch::nn::Linear(4, 4));
};
TORCH_MODULE(TokenBlock);
struct TokenNetImpl : torch::nn::Module {
  Tensor forward(const Tensor& inputs) { return head(block(inputs + token)); }

  Tensor token = register_parameter("token", torch::zeros({4}));
  TokenBlock block = register_module("block", TokenBlock());
  torch::nn::Linear head = register_module("head", torch::nn::Linear(4, 2));
};
TORCH_MODULE(TokenNet);

using Names = std::vector<std::string>;

inline Names names_of(const hone::NamedParameters& parameters) {
  Names names;
  for (const auto& parameter : parameters) names.push_back(parameter.name);
  return names;
}

}  // namespace nets
