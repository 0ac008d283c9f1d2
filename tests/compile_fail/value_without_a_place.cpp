// expect: hone: the constructor was given a value whose type is not in the trainer's type. Add it there, or leave the type out: hone::Trainer{model, loss, optimizer, ...} finds it.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A constructor argument whose type is not in the trainer's type.
#include <torch/torch.h>

#include "hone/hone.hpp"

using Linear = torch::nn::Linear;
#ifdef FIXED
using Trainer = hone::Trainer<Linear, torch::nn::MSELoss, hone::Sgd, hone::ClipNorm>;
#else
using Trainer = hone::Trainer<Linear, torch::nn::MSELoss, hone::Sgd>;
#endif

void make(Linear model) {
  Trainer trainer(model, torch::nn::MSELoss{}, hone::Sgd{}, hone::ClipNorm{.max_norm = 1.0});
  static_cast<void>(trainer.device());
}
