// expect: hone: unknown hook `on_train_epoch_strat`. Did you mean `on_train_epoch_start`?
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An invalid callback: one error, however many functions of the trainer are used.
#include <torch/torch.h>

#include "hone/hone.hpp"

struct Counter {
#ifdef FIXED
  void on_train_epoch_start(const hone::TrainEpochStart&) {}
#else
  void on_train_epoch_strat(const hone::TrainEpochStart&) {}
#endif
};

void train(std::vector<std::pair<torch::Tensor, torch::Tensor>> batches) {
  hone::Trainer trainer{torch::nn::Linear{2, 2}, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, Counter{}};
  trainer.train(batches, {.num_epochs = 2});
  trainer.evaluate(batches);
}
