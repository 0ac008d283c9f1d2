// SPDX-License-Identifier: Apache-2.0
/// The program at the top of the README.
#include <torch/torch.h>

#include <hone/hone.hpp>

int main() {
  torch::manual_seed(0);
  auto model = torch::nn::Sequential(torch::nn::Flatten(), torch::nn::Linear(784, 64), torch::nn::ReLU(),
                                     torch::nn::Linear(64, 10));
  auto train_set = hone::digits(5'000, /*seed=*/1);
  auto eval_set = hone::digits(1'000, /*seed=*/2);

  auto trainer = hone::Trainer{model,
                               torch::nn::CrossEntropyLoss{},
                               hone::Adam{.lr = 1e-3},
                               hone::ClipNorm{.max_norm = 1.0},
                               hone::Metrics{hone::Accuracy{}},
                               hone::ProgressBar{},
                               hone::EarlyStopping{.patience = 3}};

  auto history = trainer.train(train_set, eval_set, {.num_epochs = 8, .per_device_batch_size = 32});
  std::printf("accuracy %.3f\n", history.at("eval_accuracy_epoch"));
  auto scores = trainer.predict(eval_set);  // [1000, 10]
}
