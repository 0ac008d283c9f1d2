// expect: hone: this trainer's optimizer is not sharded. Call trainer.save_checkpoint(path), or add hone::Zero<1> to the trainer.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A sharded checkpoint of a trainer whose optimizer is not sharded.
#include <torch/torch.h>

#include "hone/distributed.hpp"
#include "hone/hone.hpp"
#include "hone/state/sharded_checkpoint.hpp"

void save(torch::nn::Linear model, hone::Gloo group) {
#ifdef FIXED
  hone::Trainer trainer{model, torch::nn::MSELoss{}, hone::AdamW{}, hone::Zero<1, hone::Gloo>{group}};
#else
  hone::Trainer trainer{model, torch::nn::MSELoss{}, hone::AdamW{}, hone::Ddp<hone::Gloo>{group}};
#endif
  hone::save_sharded_checkpoint(trainer, "parts");
}
