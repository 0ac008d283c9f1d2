// SPDX-License-Identifier: Apache-2.0
/// A callback is any type with hooks. It needs no base class and no registration: the compiler finds the hooks.
/* prints:
 * epoch 1 took 10 batches, largest loss ...
 * epoch 2 took 10 batches, largest loss ...
 * stopped: the loss is small enough
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <hone/hone.hpp>

/// Handles three events. An `auto` parameter has access to the tensors; a named event type compiles without LibTorch.
struct LargestLoss {
  double largest = 0.0;

  void on_train_epoch_start(const hone::TrainEpochStart&) { largest = 0.0; }
  void on_train_step_end(const auto& event) { largest = std::max(largest, event.output.loss.template item<double>()); }
  void on_train_epoch_end(const hone::TrainEpochEnd& event) const {
    fmt::print("epoch {} took {} batches, largest loss {:.2f}\n", event.run.epoch(), event.run.batch(), largest);
  }
};

int main() {
  torch::manual_seed(0);
  auto x = torch::randn({320, 2});
  auto y = x.sum(1, true);

  auto stop_when_small = hone::on<hone::TrainEpochEnd>([](const auto& event) {
    if (event.loss < 0.1) event.run.request_stop("the loss is small enough");
  });
  auto trainer = hone::Trainer{torch::nn::Linear(2, 1), torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}, LargestLoss{},
                               stop_when_small};
  auto history = trainer.train(hone::TensorDataset{x, y}, {.num_epochs = 100, .per_device_batch_size = 32, .seed = 0});
  fmt::print("stopped: {}\n", history.stop_reason().value_or("at the last epoch"));
}
