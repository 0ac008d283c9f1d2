// expect: hone: this trainer has no optimizer, so it cannot train. Pass one to hone::Trainer, such as hone::AdamW{.lr = 3e-4}.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// `train` of a trainer without an optimizer.
#include <torch/torch.h>

#include "hone/trainer/trainer.hpp"

void use() {
  hone::Trainer trainer{torch::nn::Linear(2, 1), torch::nn::MSELoss{}, hone::NoOptimizer{}};
  const std::vector<std::pair<torch::Tensor, torch::Tensor>> batches;
#ifdef FIXED
  trainer.evaluate(batches);
#else
  trainer.train(batches);
#endif
}
