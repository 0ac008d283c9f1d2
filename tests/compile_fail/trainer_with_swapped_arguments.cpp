// expect: hone: the second argument has `step` and `zero_grad`: it is the optimizer. Order: Model, Loss, Optimizer.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// What is wrong with a trainer's types is said once, however much is asked of it.
#include <torch/torch.h>

#include "hone/hone.hpp"

void train(std::vector<std::pair<torch::Tensor, torch::Tensor>> batches) {
  torch::nn::Linear model{2, 2};
#ifdef FIXED
  hone::Trainer trainer{model, torch::nn::CrossEntropyLoss{}, torch::optim::SGD{model->parameters(), 0.1}};
#else
  hone::Trainer trainer{model, torch::optim::SGD{model->parameters(), 0.1}, torch::nn::CrossEntropyLoss{}};
#endif
  trainer.train(batches, {.num_epochs = 2});
  trainer.evaluate(batches);
  trainer.predict(batches);
  trainer.step(batches.front());
}
