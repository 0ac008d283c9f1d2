// SPDX-License-Identifier: Apache-2.0
/// Policies: their types select the code of the step, their members are settings. The order is arbitrary, and a policy
/// that is left out has no overhead.
/* prints:
 * 4 batches to an update, gradient norm at most 1
 * 20 updates, learning rate from 0.1 down to ...
 * loss ... -> ...
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <hone/hone.hpp>

using Regression = hone::Trainer<torch::nn::Linear, torch::nn::MSELoss, hone::Sgd,  //
                                 hone::GradAccum<4>, hone::ClipNorm, hone::CosineLr>;

int main() {
  torch::manual_seed(0);
  auto x = torch::randn({640, 3});
  auto y = x.matmul(torch::tensor({{1.0F}, {-2.0F}, {0.5F}})) + 3.0;

  Regression trainer{torch::nn::Linear(3, 1), torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1},
                     hone::ClipNorm{.max_norm = 1.0}, hone::CosineLr{.min_lr = 0.01}};
  auto history = trainer.train(hone::TensorDataset{x, y}, {.num_epochs = 2, .per_device_batch_size = 16, .seed = 0});

  fmt::print("4 batches to an update, gradient norm at most 1\n");
  fmt::print("{} updates, learning rate from 0.1 down to {:.3f}\n", trainer.run().num_updates(),
             trainer.optimizer().lr());
  const auto losses = history.values("train_loss_epoch");
  fmt::print("loss {:.2f} -> {:.2f}\n", losses.front().value, losses.back().value);
}
