// SPDX-License-Identifier: Apache-2.0
/// The trainer with hone's default callbacks, which write to /dev/null.
#include <cstdio>

#include "composed.hpp"
#include "hone/callbacks/default_callbacks.hpp"

namespace {

using Default = hone::Trainer<Mlp, torch::nn::CrossEntropyLoss, hone::Sgd, hone::DefaultCallbacks>;

}  // namespace

std::unique_ptr<Contender> make_default(std::int64_t steps) {
  static std::FILE* const nowhere = std::fopen("/dev/null", "w");
  return std::make_unique<Composed<Default>>(
      data(steps), Default{make_model(), torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = lr, .momentum = momentum},
                           hone::PrintProgress{.output = nowhere}, hone::ProgressBar{.output = nowhere},
                           hone::LogMetrics{.output = nowhere}});
}
