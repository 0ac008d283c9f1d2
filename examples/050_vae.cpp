// SPDX-License-Identifier: Apache-2.0
/// A variational autoencoder (D. Kingma, M. Welling, "Auto-Encoding Variational Bayes", 2014). A batch is one tensor,
/// without a target, so an override computes the loss. A callback records its two terms.
/* prints:
 * epoch 1: reconstruction ..., KL divergence ...
 * epoch 2: reconstruction ..., KL divergence ...
 * epoch 3: reconstruction ..., KL divergence ...
 * epoch 4: reconstruction ..., KL divergence ...
 * the evaluation loss fell: true
 * reconstructions are closer to the images than the mean image is: true
 * generated images [16, 1, 28, 28]
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <hone/hone.hpp>

constexpr std::int64_t latent_size = 8;

struct VaeOutput {
  torch::Tensor logits, mu, log_var;
};
struct VaeImpl : torch::nn::Module {
  torch::nn::Linear hidden{784, 128}, mu{128, latent_size}, log_var{128, latent_size};
  torch::nn::Sequential decoder{torch::nn::Linear(latent_size, 128), torch::nn::ReLU(), torch::nn::Linear(128, 784)};
  VaeImpl() {
    register_module("hidden", hidden);
    register_module("mu", mu);
    register_module("log_var", log_var);
    register_module("decoder", decoder);
  }
  VaeOutput forward(const torch::Tensor& images) {
    const auto h = torch::relu(hidden(images.flatten(1)));
    const auto mean = mu(h), log_variance = log_var(h);
    const auto z = mean + (0.5 * log_variance).exp() * torch::randn_like(mean);  // the reparameterization trick
    return {decode(z), mean, log_variance};
  }
  /// Returns logits of the pixels.
  torch::Tensor decode(const torch::Tensor& z) { return decoder->forward(z).view({-1, 1, 28, 28}); }
};
TORCH_MODULE(Vae);

/// The result of the loss step, `event.output` in callbacks. `loss` and `batch_size` are required.
struct ElboOutput {
  torch::Tensor loss;
  std::int64_t batch_size;
  torch::Tensor reconstruction, kl;
};

/// The negative evidence lower bound, per image. Evaluations use it too.
struct Elbo {
  double beta = 1.0;

  ElboOutput train_batch_loss(auto& trainer, const torch::Tensor& images) {
    const auto batch_size = images.size(0);
    const auto [logits, mu, log_var] = trainer.model()->forward(images);
    const auto reconstruction =
        torch::binary_cross_entropy_with_logits(logits, images, {}, {}, torch::Reduction::Sum) / batch_size;
    const auto kl = -0.5 * (1.0 + log_var - mu.square() - log_var.exp()).sum(1).mean();
    return {reconstruction + beta * kl, batch_size, reconstruction.detach(), kl.detach()};
  }
};

/// Prints the means of the two terms over the samples of each epoch.
struct PrintTerms {
  hone::RunningMean reconstruction{}, kl{};

  void on_train_epoch_start(const hone::TrainEpochStart&) {
    reconstruction.reset();
    kl.reset();
  }
  void on_train_step_end(const auto& event) {
    const auto weight = static_cast<double>(event.output.batch_size);
    reconstruction.add(event.output.reconstruction.template item<double>(), weight);
    kl.add(event.output.kl.template item<double>(), weight);
  }
  void on_train_epoch_end(const hone::TrainEpochEnd& event) const {
    fmt::print("epoch {}: reconstruction {:.1f}, KL divergence {:.1f}\n", event.run.epoch(), reconstruction.mean(),
               kl.mean());
  }
};

int main() {
  torch::manual_seed(0);
  const auto train_set = hone::TensorDataset{hone::digits(4'000, /*seed=*/1).tensors().first};
  const auto eval_set = hone::TensorDataset{hone::digits(500, /*seed=*/2).tensors().first};

  auto trainer = hone::Trainer{Vae{}, hone::NoLoss{}, hone::Adam{.lr = 2e-3}, Elbo{.beta = 1.0}, PrintTerms{}};
  const auto history =
      trainer.train(train_set, eval_set,
                    hone::TrainOptions{.num_epochs = 4, .per_device_batch_size = 32, .seed = 0, .num_threads = 1});
  const auto losses = history.values("eval_loss_epoch");
  fmt::print("the evaluation loss fell: {}\n", losses.back().value < losses.front().value);

  const torch::NoGradGuard no_grad;
  const auto& images = eval_set.tensors();
  const auto reconstructed = trainer.model()->forward(images).logits.sigmoid();
  fmt::print(
      "reconstructions are closer to the images than the mean image is: {}\n",
      torch::mse_loss(reconstructed, images).item<double>() < images.var(0, /*unbiased=*/false).mean().item<double>());
  const auto generated = trainer.model()->decode(torch::randn({16, latent_size})).sigmoid();
  fmt::print("generated images {}\n", c10::str(generated.sizes()));
}
