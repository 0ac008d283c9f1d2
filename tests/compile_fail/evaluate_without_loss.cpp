// expect: hone: this trainer has no loss, so it can only predict. Pass a loss to hone::Trainer, or write the override `train_batch_loss(trainer, batch)` or `eval_batch_loss(trainer, batch)`.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// `evaluate` of a trainer without a loss.
#include <torch/torch.h>

#include "hone/trainer/predictor.hpp"

void use() {
  hone::Predictor predictor{torch::nn::Linear(2, 1)};
  const std::vector<std::pair<torch::Tensor, torch::Tensor>> batches;
#ifdef FIXED
  static_cast<void>(predictor.predict(batches));
#else
  predictor.evaluate(batches);
#endif
}
