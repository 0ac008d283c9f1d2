// expect: hone: the override `predict_batch` returns void. Return the model's outputs from it.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An override that computes outputs and does not return them.
#include <torch/torch.h>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"

struct Own {
  auto predict_batch(auto& trainer, auto& batch) {
#ifdef FIXED
    return
#endif
        trainer.predict_batch(batch);
  }
};

torch::Tensor outputs() {
  hone::Trainer trainer{torch::nn::Linear(2, 1), torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}, Own{}};
  static_cast<void>(trainer.predict(std::vector<torch::Tensor>{torch::ones({4, 2})}));
  return {};
}
