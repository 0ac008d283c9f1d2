// expect: hone: the losses of hone::Losses and the optimizers must have the same names. Pass hone::Optimizers{hone::optimizer_for<"name">(...), ...} with one optimizer for each loss.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// `hone::Losses` with one rule for all parameters.
#include <torch/torch.h>

#include "hone/hone.hpp"

void train(torch::nn::Linear model, std::vector<torch::Tensor> batches) {
  const auto loss = [](torch::nn::Linear& of, const torch::Tensor& batch) { return of(batch).mean(); };
#ifdef FIXED
  hone::Trainer trainer{
      model, hone::Losses{hone::loss_for<"weight">(loss), hone::loss_for<"bias">(loss)},
      hone::Optimizers{hone::optimizer_for<"weight">(hone::Sgd{}), hone::optimizer_for<"bias">(hone::Sgd{})}};
#else
  hone::Trainer trainer{model, hone::Losses{hone::loss_for<"weight">(loss), hone::loss_for<"bias">(loss)}, hone::Sgd{}};
#endif
  trainer.train(batches);
}
