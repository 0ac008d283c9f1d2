// SPDX-License-Identifier: Apache-2.0
/// The variant `default`: a trainer with hone's default callbacks, which write to /dev/null.
#include <cstdio>

#include "hone/callbacks/default_callbacks.hpp"
#include "trainer_variant.hpp"

namespace {

using Default = hone::Trainer<Mlp, torch::nn::CrossEntropyLoss, hone::Sgd, hone::DefaultCallbacks>;

}  // namespace

std::unique_ptr<Variant> make_default(std::int64_t steps) {
  static std::FILE* const null_device = std::fopen("/dev/null", "w");
  return std::make_unique<TrainerVariant<Default>>(
      data(steps), Default{make_model(), torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = lr, .momentum = momentum},
                           hone::PrintProgress{.output = null_device}, hone::ProgressBar{.output = null_device},
                           hone::LogMetrics{.output = null_device}});
}
