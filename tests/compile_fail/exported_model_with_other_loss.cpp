// expect: hone: an ExportedModel contains its loss. Pass hone::ExportedLoss{} as the second argument.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An exported model with a separate loss.
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
