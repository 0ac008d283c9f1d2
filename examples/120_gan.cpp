// SPDX-License-Identifier: Apache-2.0
/// A generative adversarial network on a ring of eight Gaussians: two losses, each with an optimizer, one after another
/// for each batch. During the pass of a loss, only the parameters of its optimizer require a gradient.
/* prints:
 * recorded: train_loss_epoch, train_discriminator_loss_epoch, train_generator_loss_epoch
 * samples close to a mode of the data: more than half
 * modes that the samples cover: 8 of 8
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <cmath>
#include <hone/hone.hpp>
#include <numbers>
#include <utility>

constexpr std::int64_t latent_size = 4, hidden_size = 64, num_modes = 8;
constexpr double radius = 2.0, standard_deviation = 0.1;

torch::nn::Sequential mlp(std::int64_t inputs, std::int64_t outputs) {
  const auto leaky = torch::nn::LeakyReLUOptions().negative_slope(0.2);
  return torch::nn::Sequential(torch::nn::Linear(inputs, hidden_size), torch::nn::LeakyReLU(leaky),
                               torch::nn::Linear(hidden_size, hidden_size), torch::nn::LeakyReLU(leaky),
                               torch::nn::Linear(hidden_size, outputs));
}

struct GanImpl : torch::nn::Module {
  torch::nn::Sequential generator = register_module("generator", mlp(latent_size, 2));
  torch::nn::Sequential discriminator = register_module("discriminator", mlp(2, 1));

  torch::Tensor generate(std::int64_t count) { return generator->forward(torch::randn({count, latent_size})); }
};
TORCH_MODULE(Gan);

torch::Tensor bce_with_logits(const torch::Tensor& logits, double label) {
  return torch::binary_cross_entropy_with_logits(logits, torch::full_like(logits, label));
}

/// A loss is a function of the model and the batch, here a tensor of real samples. The generator needs no `detach`: it
/// is not trained by this loss.
torch::Tensor discriminator_loss(Gan& gan, const torch::Tensor& real) {
  return bce_with_logits(gan->discriminator->forward(real), 1.0) +
         bce_with_logits(gan->discriminator->forward(gan->generate(real.size(0))), 0.0);
}
torch::Tensor generator_loss(Gan& gan, const torch::Tensor& real) {
  return bce_with_logits(gan->discriminator->forward(gan->generate(real.size(0))), 1.0);
}

int main() {
  torch::manual_seed(0);
  const auto angles = torch::arange(num_modes) * (2.0 * std::numbers::pi / num_modes);
  const auto modes = radius * torch::stack({angles.cos(), angles.sin()}, 1);
  const hone::TensorDataset data{modes.repeat({512, 1}) + standard_deviation * torch::randn({512 * num_modes, 2})};

  auto trainer = hone::Trainer{
      Gan(),
      hone::Losses{hone::loss_for<"discriminator">(&discriminator_loss),
                   hone::loss_for<"generator">(&generator_loss)},  // {.every = 5}: in the batches of each fifth update
      hone::Optimizers{hone::optimizer_for<"discriminator">(hone::Adam{.lr = 1e-3, .beta1 = 0.5}),
                       hone::optimizer_for<"generator">(hone::Adam{.lr = 1e-3, .beta1 = 0.5})}};
  const auto history = trainer.train(
      data, hone::TrainOptions{.num_epochs = 40, .per_device_batch_size = 128, .seed = 0, .num_threads = 1});
  fmt::print("recorded:");
  const char* comma = " ";
  for (const auto& name : history.names()) fmt::print("{}{}", std::exchange(comma, ", "), name);

  const torch::NoGradGuard no_grad;
  const auto [distances, nearest] = torch::cdist(trainer.model()->generate(2'000), modes).min(1);
  const auto close = distances < 5.0 * standard_deviation;
  const auto counts = nearest.masked_select(close).bincount({}, num_modes);
  fmt::print("\nsamples close to a mode of the data: {}\n",
             close.to(torch::kDouble).mean().item<double>() > 0.5 ? "more than half" : "less than half");
  fmt::print("modes that the samples cover: {} of {}\n", counts.gt(20).sum().item<std::int64_t>(), num_modes);
}
