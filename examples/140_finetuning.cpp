// SPDX-License-Identifier: Apache-2.0
/// Fine-tuning: a model that is trained to read digits learns from 400 samples whether a digit is even. The first layers
/// are frozen at first, earlier layers have lower learning rates, and the weights are averaged.
/* prints:
 * layer groups: stem (frozen) body head
 * epoch 1: learning rates 0.00030 0.00100
 * epoch 2: learning rates 0.00030 0.00100
 * epoch 3: learning rates 0.00030 0.00100 0.00009
 * epoch 4: learning rates 0.00030 0.00100 0.00009
 * accuracy above 0.85 with the averaged weights: true
 * the model has the averaged weights at the end: true
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <hone/finetune/discriminative.hpp>
#include <hone/finetune/gradual_unfreezing.hpp>
#include <hone/finetune/model_ema.hpp>
#include <hone/hone.hpp>

using Digits = hone::TensorDataset<std::pair<torch::Tensor, torch::Tensor>>;

/// A layer group is a direct child of the model: stem, body, head.
struct ClassifierImpl : torch::nn::Module {
  torch::nn::Sequential stem = register_module(
      "stem", torch::nn::Sequential(torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 8, 5).stride(2)),
                                    torch::nn::BatchNorm2d(8), torch::nn::ReLU(), torch::nn::MaxPool2d(2)));
  torch::nn::Sequential body = register_module(
      "body", torch::nn::Sequential(torch::nn::Flatten(), torch::nn::Linear(288, 64), torch::nn::ReLU()));
  torch::nn::Linear head = register_module("head", torch::nn::Linear(64, 10));

  torch::Tensor forward(const torch::Tensor& images) { return head(body->forward(stem->forward(images))); }
  void reset_head(std::int64_t num_classes) { head = replace_module("head", torch::nn::Linear(64, num_classes)); }
};
TORCH_MODULE(Classifier);

Digits even_or_odd(std::int64_t samples, std::uint64_t seed) {
  const auto digits = hone::digits(samples, seed);
  return Digits{digits.tensors().first, digits.tensors().second % 2};
}

int main() {
  torch::manual_seed(0);
  Classifier model;
  auto pretraining = hone::Trainer{model, torch::nn::CrossEntropyLoss{}, hone::Adam{.lr = 1e-3}};
  pretraining.train(hone::digits(4'000, /*seed=*/1),
                    hone::TrainOptions{.num_epochs = 3, .per_device_batch_size = 32, .seed = 0, .num_threads = 1});

  model->reset_head(/*num_classes=*/2);
  hone::ModelFreezer freezer{model, {.freeze_batch_norms = true}};
  freezer.freeze(0, 0, /*set_modules_as_eval=*/true);  // the stem, and the statistics of its batch norm
  fmt::print("layer groups:");
  for (const auto& group : freezer.get_layer_groups()) {
    fmt::print(" {}{}", group.name, group.is_frozen ? " (frozen)" : "");
  }

  // The head has the learning rate 1e-3, the body 0.3 times that rate, and the stem, from epoch 3, 0.3 * 0.3 times.
  hone::ModelEma ema{
      .decay = 0.95, .apply_at_end = true, .callbacks = hone::CallbackSet{hone::Metrics{hone::Accuracy{}}}};
  auto trainer = hone::Trainer{model,
                               torch::nn::CrossEntropyLoss{},
                               hone::discriminative_optimizer(model, hone::AdamW{.lr = 1e-3}, /*factor=*/0.3),
                               hone::GradualUnfreezing{.freezer = freezer, .every_n_epochs = 2, .lr_factor = 0.09},
                               hone::Metrics{hone::Accuracy{}},
                               ema,
                               hone::on<hone::TrainEpochStart>([](const auto& event) {
                                 fmt::print("\nepoch {}: learning rates", event.run.epoch());
                                 for (const auto& group : event.trainer.optimizer().groups()) {
                                   fmt::print(" {:.5f}", group.settings.lr);
                                 }
                               })};
  const auto train_set = even_or_odd(400, /*seed=*/4), eval_set = even_or_odd(1'000, /*seed=*/5);
  const auto history = trainer.train(
      train_set, eval_set,
      hone::TrainOptions{.num_epochs = 4, .per_device_batch_size = 16, .eval_per_device_batch_size = 250, .seed = 0});

  const double averaged = history.at("ema_model_eval_accuracy_epoch");
  fmt::print("\naccuracy above 0.85 with the averaged weights: {}\n", averaged > 0.85);
  fmt::print("the model has the averaged weights at the end: {}\n",
             trainer.evaluate(eval_set, {.per_device_batch_size = 250}).at("evaluation_accuracy") == averaged);
}
