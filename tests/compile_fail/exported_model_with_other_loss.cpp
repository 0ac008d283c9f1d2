// expect: hone: an ExportedModel has its loss inside. Give hone::ExportedLoss{} as the second argument.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An exported model is given a loss beside its own.
#include <torch/torch.h>

#include "hone/exported/exported_model.hpp"
#include "hone/hone.hpp"

void train(std::vector<std::pair<torch::Tensor, torch::Tensor>> batches) {
#ifdef FIXED
  hone::Trainer trainer{hone::ExportedModel{"model.pt2"}, hone::ExportedLoss{}, hone::Sgd{.lr = 0.1}};
#else
  hone::Trainer trainer{hone::ExportedModel{"model.pt2"}, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}};
#endif
  trainer.train(batches);
}
