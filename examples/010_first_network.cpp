// SPDX-License-Identifier: Apache-2.0
/// The minimal trainer: a network, a loss and an optimizer.
/* prints:
 * epoch 1: training loss ..., evaluation loss ...
 * epoch 2: training loss ..., evaluation loss ...
 * epoch 3: training loss ..., evaluation loss ...
 * loss on unseen digits: ...
 * the first unseen digit is a 3
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <hone/hone.hpp>

int main() {
  torch::manual_seed(0);
  auto model = torch::nn::Sequential(torch::nn::Flatten(), torch::nn::Linear(784, 64), torch::nn::ReLU(),
                                     torch::nn::Linear(64, 10));
  auto train_set = hone::digits(5'000, /*seed=*/1);
  auto eval_set = hone::digits(1'000, /*seed=*/2);
  auto unseen = hone::digits(1'000, /*seed=*/3);

  auto trainer = hone::Trainer{model, torch::nn::CrossEntropyLoss{}, hone::Adam{.lr = 1e-3}};
  auto history =
      trainer.train(train_set, eval_set, {.num_epochs = 3, .per_device_batch_size = 32, .seed = 0, .num_threads = 1});

  for (std::size_t epoch = 0; epoch < 3; ++epoch) {
    fmt::print("epoch {}: training loss {:.3f}, evaluation loss {:.3f}\n", epoch + 1,
               history.values("train_loss_epoch")[epoch].value, history.values("eval_loss_epoch")[epoch].value);
  }
  fmt::print("loss on unseen digits: {:.3f}\n", trainer.evaluate(unseen).at("evaluation_loss"));

  auto scores = trainer.predict(unseen);  // [1000, 10]
  fmt::print("the first unseen digit is a {}\n", scores[0].argmax().item<int>());
}
