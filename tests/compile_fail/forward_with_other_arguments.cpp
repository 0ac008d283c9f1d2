// expect: hone: the model has `forward`, but it cannot be called with a batch's inputs.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A model with two inputs and a batch with one.
#include <torch/torch.h>

#include "hone/hone.hpp"

struct TwoInputs : torch::nn::Module {
  torch::Tensor forward(torch::Tensor first, torch::Tensor second) { return first + second; }
};

void train(std::vector<std::tuple<torch::Tensor, torch::Tensor, torch::Tensor>> three,
           [[maybe_unused]] std::vector<std::pair<torch::Tensor, torch::Tensor>> two) {
  hone::Trainer trainer{std::make_shared<TwoInputs>(), torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}};
#ifdef FIXED
  trainer.train(three);
#else
  trainer.train(two);
#endif
}
