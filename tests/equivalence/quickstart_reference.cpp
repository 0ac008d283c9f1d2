// SPDX-License-Identifier: Apache-2.0
// Compares with the output of pytorch-accelerated's quickstart (0.1.61, torch 2.11.0, 1 thread), with the same initial
// weights and order of batches. Needs MNIST: HONE_MNIST is the folder with its four files.
#include <torch/torch.h>

#include <array>
#include <cstdlib>

#include "hone/hone.hpp"
#include "support/catch.hpp"

namespace {

struct MlpImpl : torch::nn::Module {
  torch::nn::Linear hidden{784, 128}, features{128, 64}, classes{64, 10};
  MlpImpl() {
    register_module("hidden", hidden);
    register_module("features", features);
    register_module("classes", classes);
  }
  torch::Tensor forward(const torch::Tensor& images) {
    return classes(torch::relu(features(torch::relu(hidden(images.flatten(1))))));
  }
};
TORCH_MODULE(Mlp);

constexpr std::array train_losses{1.369787, 0.429996, 0.341293, 0.300917, 0.271687, 0.247038, 0.224418, 0.205437};
constexpr std::array eval_losses{0.553002, 0.382127, 0.339567, 0.309064, 0.274935, 0.254133, 0.232404, 0.214276};
constexpr std::array eval_accuracies{0.8474, 0.8932, 0.9038, 0.9110, 0.9222, 0.9300, 0.9352, 0.9396};
constexpr double test_loss = 0.194223, test_accuracy = 0.9438;

}  // namespace

TEST_CASE("the quickstart on MNIST gives the losses of pytorch-accelerated") {
  const char* folder = std::getenv("HONE_MNIST");
  if (folder == nullptr) {
    WARN("skipped: HONE_MNIST does not name the folder with the four MNIST files");
    return;
  }
  const auto [digits, test_set] = hone::mnist(folder);
  torch::manual_seed(0);
  auto trainer = hone::Trainer{Mlp{}, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 1e-3, .momentum = 0.9},
                               hone::Metrics{hone::Accuracy{}}};

  hone::TensorLoader train_loader{digits.subset(0, 50'000), {.batch_size = 32}, hone::PyTorchSampler{.shuffle = true}};
  hone::TensorLoader eval_loader{
      digits.subset(50'000, 5'000), {.batch_size = 32}, hone::PyTorchSampler{.shuffle = false}};
  const auto history =
      trainer.train(train_loader, eval_loader, hone::TrainOptions{.num_epochs = 8, .seed = 42, .num_threads = 1});
  for (std::size_t epoch = 0; epoch < 8; ++epoch) {
    INFO("epoch " << epoch + 1);
    CHECK(std::abs(history.values("train_loss_epoch")[epoch].value - train_losses[epoch]) < 1e-4);
    CHECK(std::abs(history.values("eval_loss_epoch")[epoch].value - eval_losses[epoch]) < 1e-4);
    CHECK(std::abs(history.values("eval_accuracy_epoch")[epoch].value - eval_accuracies[epoch]) < 1e-3);
  }
  const auto test = trainer.evaluate(test_set, {.per_device_batch_size = 64, .num_threads = 1});
  CHECK(std::abs(test.at("evaluation_loss") - test_loss) < 1e-4);
  CHECK(std::abs(test.at("evaluation_accuracy") - test_accuracy) < 0.005);
}
