// expect: hone: WsdCheckpoints requires a schedule with phases. Use hone::WsdLr.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// WsdCheckpoints with a schedule that has no phases.
#include <torch/torch.h>

#include "hone/hone.hpp"

void train(torch::nn::Linear model, std::vector<std::tuple<torch::Tensor, torch::Tensor>> batches) {
#ifdef FIXED
  hone::Trainer trainer{model, torch::nn::MSELoss{}, hone::Sgd{}, hone::WsdLr{}, hone::WsdCheckpoints{}};
#else
  hone::Trainer trainer{model, torch::nn::MSELoss{}, hone::Sgd{}, hone::CosineLr{}, hone::WsdCheckpoints{}};
#endif
  trainer.train(batches);
}
