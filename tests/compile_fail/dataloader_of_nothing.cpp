// expect: hone: this override does not return a range of batches. Return one from `create_train_dataloader` and `create_eval_dataloader`, such as hone::TensorLoader or `trainer.create_train_dataloader(dataset, options)`.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An override that creates a loader and does not return it.
#include <torch/torch.h>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"

struct Own {
  auto create_train_dataloader(auto& trainer, auto& dataset, const hone::LoaderOptions& options) {
#ifdef FIXED
    return
#endif
        trainer.create_train_dataloader(dataset, options);
  }
};

void use() {
  const hone::TensorDataset set{torch::ones({4, 2}), torch::ones({4, 1})};
  hone::Trainer{torch::nn::Linear(2, 1), torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}, Own{}}.train(set);
}
