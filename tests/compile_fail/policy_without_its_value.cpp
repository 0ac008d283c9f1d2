// expect: hone: a policy, callback or override among the trainer's template arguments is not default-constructible. Pass it to the constructor, as in hone::Trainer{model, loss, optimizer, hone::ClipNorm{.max_norm = 1.0}}.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A callback that is not default constructible.
#include <torch/torch.h>

#include "hone/hone.hpp"

struct Count {
  explicit Count(int from) : value(from) {}
  void on_train_step_end(const hone::TrainStepEnd&) { ++value; }
  int value;
};
using Trainer = hone::Trainer<torch::nn::Linear, torch::nn::MSELoss, hone::Sgd, hone::Callbacks<Count>>;

void make(torch::nn::Linear model) {
#ifdef FIXED
  Trainer trainer(model, torch::nn::MSELoss{}, hone::Sgd{}, Count{1});
#else
  Trainer trainer(model, torch::nn::MSELoss{}, hone::Sgd{});
#endif
  static_cast<void>(trainer.device());
}
