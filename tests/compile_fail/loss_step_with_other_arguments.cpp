// expect: hone: a loss of hone::Losses cannot be called as `loss(model, batch)`, or returns neither a tensor nor a type with `loss` and `batch_size`. The model is passed as the trainer received it: use `->` with a module holder.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A loss step whose parameter is the module, although the trainer has the module holder.
#include <torch/torch.h>

#include "hone/hone.hpp"

void train(torch::nn::Linear model, std::vector<torch::Tensor> batches) {
#ifdef FIXED
  const auto loss = [](torch::nn::Linear& of, const torch::Tensor& batch) { return of(batch).mean(); };
#else
  const auto loss = [](torch::nn::LinearImpl& of, const torch::Tensor& batch) { return of.forward(batch).mean(); };
#endif
  hone::Trainer trainer{model, hone::Losses{hone::loss_for<"all">(loss)},
                        hone::Optimizers{hone::optimizer_for<"all">(hone::Sgd{}, hone::other_parameters)}};
  trainer.train(batches);
}
