// expect: hone: this batch has no inputs and target: it needs two members that contain tensors. Convert its numbers with torch::tensor, adapt a struct with BOOST_HANA_ADAPT_STRUCT, or write the override `train_batch_loss(trainer, batch)`.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A batch of vectors of numbers in place of tensors.
#include <torch/torch.h>

#include <boost/hana.hpp>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"

void use() {
  hone::Trainer trainer{torch::nn::Linear(2, 1), torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}};
#ifdef FIXED
  trainer.step(std::pair{torch::ones({4, 2}), torch::ones({4, 1})});
#else
  trainer.step(std::pair{std::vector<float>(8), std::vector<float>(4)});
#endif
}
