// SPDX-License-Identifier: Apache-2.0
/// A GAN: two losses, each with a separate optimizer, one after another in each training step. During the pass of a
/// loss, only the parameters of its optimizer require a gradient.
/* prints:
 * per epoch: train_loss_epoch, train_discriminator_loss_epoch, train_generator_loss_epoch
 * samples have the mean of the data: true
 * and nearly its standard deviation: true
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <cmath>
#include <hone/hone.hpp>
#include <string>
#include <utility>

torch::nn::Sequential layers(std::int64_t inputs, std::int64_t outputs) {
  return torch::nn::Sequential(torch::nn::Linear(inputs, 32), torch::nn::LeakyReLU(), torch::nn::Linear(32, 32),
                               torch::nn::LeakyReLU(), torch::nn::Linear(32, outputs));
}

struct GanImpl : torch::nn::Module {
  torch::nn::Sequential generator = register_module("generator", layers(4, 1));
  torch::nn::Sequential discriminator = register_module("discriminator", layers(1, 1));

  torch::Tensor sample(std::int64_t count) { return generator->forward(torch::randn({count, 4})); }
};
TORCH_MODULE(Gan);

/// A batch is a tensor of real samples. The discriminator learns to return large values for real samples and small
/// values for generated samples. The generator learns to increase the values for generated samples.
torch::Tensor discriminator_loss(Gan& gan, const torch::Tensor& real) {
  return torch::softplus(-gan->discriminator->forward(real)).mean() +
         torch::softplus(gan->discriminator->forward(gan->sample(real.size(0)))).mean();
}
torch::Tensor generator_loss(Gan& gan, const torch::Tensor& real) {
  return torch::softplus(-gan->discriminator->forward(gan->sample(real.size(0)))).mean();
}

int main() {
  torch::manual_seed(0);
  const auto data = hone::TensorDataset{3.0 + 0.5 * torch::randn({2048, 1})};

  auto trainer = hone::Trainer{
      Gan(),
      hone::Losses{hone::loss_for<"discriminator">(&discriminator_loss),
                   hone::loss_for<"generator">(&generator_loss)},  // {.every = 5}: in the batches of each fifth update
      hone::Optimizers{hone::optimizer_for<"discriminator">(hone::Adam{.lr = 4e-3, .beta1 = 0.5}),
                       hone::optimizer_for<"generator">(hone::Adam{.lr = 1e-3, .beta1 = 0.5})}};
  const auto history =
      trainer.train(data, hone::TrainOptions{.num_epochs = 15, .per_device_batch_size = 64, .seed = 1});

  fmt::print("per epoch:");
  const char* comma = " ";
  for (const char* name : {"train_loss_epoch", "train_discriminator_loss_epoch", "train_generator_loss_epoch"}) {
    if (history.values(name).size() == 15) fmt::print("{}{}", std::exchange(comma, ", "), name);
  }
  const torch::NoGradGuard no_gradients;
  const auto samples = trainer.model()->sample(4096);
  fmt::print("\nsamples have the mean of the data: {}\n", std::abs(samples.mean().item<double>() - 3.0) < 0.3);
  fmt::print("and nearly its standard deviation: {}\n", std::abs(samples.std().item<double>() - 0.5) < 0.2);
}
