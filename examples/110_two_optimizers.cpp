// SPDX-License-Identifier: Apache-2.0
/// Two update rules for one loss: SGD with momentum for a backbone, AdamW for a head on top of it. Each parameter
/// belongs to the optimizer whose name is the prefix of the parameter's name.
/* prints:
 * 160 updates, the loss fell: true
 * learning rates at the end: backbone 0.0010, head 0.0000
 * a checkpoint keeps the state of: backbone, head
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <cmath>
#include <hone/hone.hpp>

struct ClassifierImpl : torch::nn::Module {
  torch::nn::Sequential backbone = register_module(
      "backbone", torch::nn::Sequential(torch::nn::Linear(8, 32), torch::nn::Tanh(), torch::nn::Linear(32, 16)));
  torch::nn::Linear head = register_module("head", torch::nn::Linear(16, 3));

  torch::Tensor forward(const torch::Tensor& inputs) { return head(torch::tanh(backbone->forward(inputs))); }
};
TORCH_MODULE(Classifier);

int main() {
  torch::manual_seed(0);
  const auto inputs = torch::randn({640, 8});
  const auto labels = inputs.slice(1, 0, 3).argmax(1);

  auto trainer =
      hone::Trainer{Classifier(), torch::nn::CrossEntropyLoss{},
                    hone::Optimizers{hone::optimizer_for<"backbone">(hone::Sgd{.lr = 1e-3, .momentum = 0.9}),
                                     hone::optimizer_for<"head">(hone::AdamW{.lr = 1e-2})},
                    hone::ClipNorm{.max_norm = 1.0},                        // the norm of all gradients
                    hone::PerGroup{hone::ConstantLr{}, hone::CosineLr{}}};  // a schedule for each, in their order
  const auto history =
      trainer.train(hone::TensorDataset{inputs, labels}, {.num_epochs = 8, .per_device_batch_size = 32, .seed = 1});

  const auto losses = history.values("train_loss_epoch");
  fmt::print("{} updates, the loss fell: {}\n", history.num_updates(), losses.back().value < 0.5 * losses[0].value);
  fmt::print("learning rates at the end: backbone {:.4f}, head {:.4f}\n", trainer.optimizer().get<"backbone">().lr(),
             trainer.optimizer().get<"head">().lr());
  // In Python: sgd.load_state_dict(checkpoint["optimizer_state_dict"]["backbone"])
  fmt::print("a checkpoint keeps the state of:");
  const char* comma = " ";
  const auto checkpoint = trainer.checkpoint();
  for (const auto& [name, state] : checkpoint.get<hone::Dict>("optimizer_state_dict")) {
    fmt::print("{}{}", std::exchange(comma, ", "), name.get<std::string>());
  }
  fmt::print("\n");
}
