// SPDX-License-Identifier: Apache-2.0
/// Overrides replace steps of the loop. The trainer runs its own step where an override is missing, and an override may
/// call that step by its name.
/* prints:
 * 16 updates, the last loss has 2 parts
 * reconstruction ..., size of the code ...
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <hone/hone.hpp>

struct AutoencoderImpl : torch::nn::Module {
  torch::nn::Linear encoder{8, 2}, decoder{2, 8};
  AutoencoderImpl() {
    register_module("encoder", encoder);
    register_module("decoder", decoder);
  }
  torch::Tensor forward(const torch::Tensor& x) { return decoder(encoder(x)); }
};
TORCH_MODULE(Autoencoder);

/// The result of the loss step, `event.output` in callbacks. `loss` and `batch_size` are required; more is optional.
struct Parts {
  torch::Tensor loss;
  std::int64_t batch_size;
  torch::Tensor reconstruction, size;
};

/// A batch is one tensor, without a target, so the program overrides the loss step.
struct LossOfTwoParts {
  Parts train_batch_loss(auto& trainer, torch::Tensor& x) {
    auto code = trainer.model()->encoder(x);
    auto reconstruction = torch::mse_loss(trainer.model()->decoder(code), x);
    auto size = code.square().mean();
    return {reconstruction + 0.01 * size, x.size(0), reconstruction.detach(), size.detach()};
  }
};

struct PrintParts {
  double reconstruction = 0.0, size = 0.0;
  void on_train_step_end(const auto& event) {
    reconstruction = event.output.reconstruction.template item<double>();
    size = event.output.size.template item<double>();
  }
  void on_training_run_end(const hone::TrainingRunEnd& event) const {
    fmt::print("{} updates, the last loss has 2 parts\n", event.run.num_updates());
    fmt::print("reconstruction {:.2f}, size of the code {:.2f}\n", reconstruction, size);
  }
};

int main() {
  torch::manual_seed(0);
  // The override computes the loss: the loss function of the trainer is not called.
  auto trainer =
      hone::Trainer{Autoencoder{}, torch::nn::MSELoss{}, hone::AdamW{.lr = 0.01}, LossOfTwoParts{}, PrintParts{}};
  trainer.train(hone::TensorDataset{torch::randn({512, 8})}, {.num_epochs = 1, .per_device_batch_size = 32, .seed = 0});
}
