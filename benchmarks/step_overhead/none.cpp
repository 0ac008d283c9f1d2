// SPDX-License-Identifier: Apache-2.0
/// The trainer without callbacks.
#include "composed.hpp"

std::unique_ptr<Contender> make_none(std::int64_t steps) {
  return std::make_unique<Composed<hone::Trainer<Mlp, torch::nn::CrossEntropyLoss, hone::Sgd>>>(
      data(steps),
      hone::Trainer{make_model(), torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = lr, .momentum = momentum}});
}
