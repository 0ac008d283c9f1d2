// expect: hone: the type of a constructor argument is not among the trainer's template arguments. Add it there, or omit the template arguments: hone::Trainer{model, loss, optimizer, ...} deduces them.
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
