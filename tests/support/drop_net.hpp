// SPDX-License-Identifier: Apache-2.0
/// A small network with random numbers and running statistics, which a recorded step must update.
#pragma once

#include <torch/torch.h>

#include "support/models.hpp"

namespace tiny {

/// A network 3 -> 5 -> 2 with dropout and batch normalization, which optionally reads a result on the host.
struct DropNetImpl : torch::nn::Module {
  Net net = register_module("net", Net());
  torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d(3));
  torch::nn::Dropout dropout = register_module("dropout", torch::nn::Dropout(0.25));
  bool reads = false;
  at::Tensor forward(const at::Tensor& x) {
    auto hidden = dropout(norm(x));
    if (reads && hidden.sum().item<float>() > 1e9F) return hidden;
    return net(hidden);
  }
};
TORCH_MODULE(DropNet);

}  // namespace tiny
