// SPDX-License-Identifier: Apache-2.0
/// The variant `none`: a trainer without callbacks.
#include "trainer_variant.hpp"

std::unique_ptr<Variant> make_none(std::int64_t steps) {
  return std::make_unique<TrainerVariant<hone::Trainer<Mlp, torch::nn::CrossEntropyLoss, hone::Sgd>>>(
      data(steps),
      hone::Trainer{make_model(), torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = lr, .momentum = momentum}});
}
