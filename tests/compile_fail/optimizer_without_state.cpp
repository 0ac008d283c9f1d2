// expect: hone: this optimizer cannot be saved. Add `void serialize(auto& archive)`, use one of hone's rules, or set .save_optimizer = false.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A user-defined optimizer without `serialize`.
#include <torch/torch.h>

#include "hone/hone.hpp"

struct Own : torch::optim::SGD {
  using SGD::SGD;
#ifdef FIXED
  void serialize(auto&) {}
#endif
};

void save(torch::nn::Linear model) {
  hone::Trainer trainer{model, torch::nn::MSELoss{}, Own(model->parameters(), torch::optim::SGDOptions(0.1))};
  trainer.save_checkpoint("weights.pt", {.save_optimizer = false});
  trainer.save_checkpoint("state.pt");
}
