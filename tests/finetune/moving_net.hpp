// SPDX-License-Identifier: Apache-2.0
/// A model with the same values at each step as in reference.py.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace nets {

struct MovingNetImpl : torch::nn::Module {
  explicit MovingNetImpl(torch::Dtype type = torch::kDouble) {
    weight = register_parameter("weight", torch::zeros({3}, type));
    running = register_buffer("running", torch::zeros({2}, type));
    count = register_buffer("count", torch::zeros({}, torch::kLong));
    move(0);
  }
  void move(std::int64_t k) {
    const torch::NoGradGuard no_gradients;
    const auto at = static_cast<double>(k);
    weight.copy_((torch::arange(3.0, torch::kDouble) + 1.3 * at).sin());
    running.copy_((torch::arange(2.0, torch::kDouble) - 0.7 * at).cos());
    count.fill_(k);
  }
  torch::Tensor forward(const torch::Tensor& inputs) { return inputs * weight; }

  torch::Tensor weight, running, count;
};
TORCH_MODULE(MovingNet);

inline bool near(const torch::Tensor& tensor, std::initializer_list<double> expected, double tolerance = 1e-15) {
  return torch::allclose(tensor.to(torch::kDouble).flatten(),
                         torch::tensor(std::vector<double>(expected), torch::kDouble),
                         /*rtol=*/0.0, tolerance);
}

}  // namespace nets
