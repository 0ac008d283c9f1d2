// expect: hone: this model cannot be saved: it is not a torch::nn::Module and has no `void serialize(auto& archive)`. Derive it from torch::nn::Module, or add that member.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A user-defined model without `serialize`.
#include <torch/torch.h>

#include "hone/hone.hpp"

struct Own {
  torch::Tensor weight = torch::ones({1}, torch::requires_grad());
  torch::Tensor forward(const torch::Tensor& inputs) { return inputs * weight; }
#ifdef FIXED
  void serialize(auto& archive) { archive("weight", weight); }
#endif
};

void save(Own model) {
  hone::Trainer trainer{model, torch::nn::MSELoss{}, torch::optim::SGD({model.weight}, 0.1)};
  trainer.save_checkpoint("weights.pt", {.save_optimizer = false});
}
