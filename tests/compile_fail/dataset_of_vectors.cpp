// expect: hone: TensorDataset needs tensors of shape [samples, ...], and an argument is not a tensor. Convert it, as with torch::tensor(values) or torch::stack(rows), or pass the trainer a dataset with size() and get(i).
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// TensorDataset of vectors in place of tensors.
#include <torch/torch.h>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"

void use() {
  const std::vector<float> x(8), y(8);
#ifdef FIXED
  const hone::TensorDataset set{torch::tensor(x), torch::tensor(y)};
#else
  const hone::TensorDataset set{x, y};
#endif
  hone::Trainer{torch::nn::Linear(2, 1), torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}}.train(set);
}
