// expect: hone: the override `backward` cannot be called as `backward(trainer, loss)`.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An override without the trainer as its first parameter.
#include <torch/torch.h>

#include "hone/hone.hpp"

struct OwnBackward {
#ifdef FIXED
  void backward(auto&, const torch::Tensor& loss) { loss.backward(); }
#else
  void backward(const torch::Tensor& loss) { loss.backward(); }
#endif
};

void train(std::vector<std::pair<torch::Tensor, torch::Tensor>> batches) {
  hone::Trainer trainer{torch::nn::Linear{2, 2}, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, OwnBackward{}};
  trainer.train(batches);
}
