// SPDX-License-Identifier: Apache-2.0
/// A small GAN, its data and its two losses.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <utility>

#include "hone/data/tensor_dataset.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/optimizers.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/step/losses.hpp"

namespace gan {

using torch::Tensor;
using Batch = std::pair<Tensor, Tensor>;  ///< Real samples and noise.

/// A GAN with noise of size 2 and samples of size 3, with fixed initial weights.
struct GanImpl : torch::nn::Module {
  torch::nn::Sequential generator = register_module(
      "generator", torch::nn::Sequential(torch::nn::Linear(2, 5), torch::nn::Tanh(), torch::nn::Linear(5, 3)));
  torch::nn::Sequential discriminator = register_module(
      "discriminator", torch::nn::Sequential(torch::nn::Linear(3, 4), torch::nn::Tanh(), torch::nn::Linear(4, 1)));

  GanImpl() {
    const torch::NoGradGuard no_gradients;
    double k = 0.0;
    for (auto& parameter : parameters()) {
      k += 1.0;
      parameter.copy_((torch::arange(parameter.numel()) * 0.7 + k).sin().mul_(0.5).reshape(parameter.sizes()));
    }
  }
};
TORCH_MODULE(Gan);

inline hone::TensorDataset<Batch> dataset(std::int64_t samples) {
  return {(torch::arange(samples * 3) * 0.37).cos().reshape({samples, 3}).contiguous(),
          (torch::arange(samples * 2) * 0.53).sin().reshape({samples, 2}).contiguous()};
}

inline const auto discriminator_loss = [](Gan& model, const Batch& batch) {
  const auto& [real, noise] = batch;
  return torch::softplus(-model->discriminator->forward(real)).mean() +
         torch::softplus(model->discriminator->forward(model->generator->forward(noise))).mean();
};
inline const auto generator_loss = [](Gan& model, const Batch& batch) {
  return torch::softplus(-model->discriminator->forward(model->generator->forward(batch.second))).mean();
};

inline auto losses(const hone::LossOptions& of_generator = {}) {
  return hone::Losses{hone::loss_for<"discriminator">(discriminator_loss),
                      hone::loss_for<"generator">(generator_loss, of_generator)};
}
inline auto optimizers() {
  return hone::Optimizers{hone::optimizer_for<"generator">(hone::Adam{.lr = 0.02}),
                          hone::optimizer_for<"discriminator">(hone::Sgd{.lr = 0.05, .momentum = 0.9})};
}

}  // namespace gan
