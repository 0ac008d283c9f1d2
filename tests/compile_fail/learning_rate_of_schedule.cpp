// expect: hone: the finder sets the learning rate, and so does this trainer's schedule. Use a trainer without a schedule.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The learning rate finder with a trainer that has a schedule.
#include <torch/torch.h>

#include "hone/hone.hpp"
#include "hone/tune/learning_rate_finder.hpp"

#ifdef FIXED
using Schedule = hone::NoSchedule;
#else
using Schedule = hone::CosineLr;
#endif

double look(std::vector<std::pair<torch::Tensor, torch::Tensor>> batches) {
  hone::Trainer<torch::nn::Linear, torch::nn::MSELoss, hone::Sgd, Schedule> trainer{torch::nn::Linear{2, 2},
                                                                                    torch::nn::MSELoss{}, hone::Sgd{}};
  return hone::find_learning_rate(trainer, batches).suggestion();
}
