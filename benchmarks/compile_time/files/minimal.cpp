// SPDX-License-Identifier: Apache-2.0
/// The smallest program that trains: no callback, no policy, no evaluation.
#include <torch/torch.h>

#include <hone/hone.hpp>

int main() {
  torch::manual_seed(0);
  auto model = torch::nn::Sequential(torch::nn::Flatten(), torch::nn::Linear(784, 64), torch::nn::ReLU(),
                                     torch::nn::Linear(64, 10));
  auto train_set = hone::digits(5'000, /*seed=*/1);
  auto trainer = hone::Trainer{model, torch::nn::CrossEntropyLoss{}, hone::Adam{.lr = 1e-3}};
  auto history = trainer.train(train_set, {.num_epochs = 8, .per_device_batch_size = 32});
  std::printf("loss %.3f\n", history.at("train_loss_epoch"));
}
