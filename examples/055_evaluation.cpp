// SPDX-License-Identifier: Apache-2.0
/// Custom evaluation and prediction: test-time augmentation as an override, several evaluation sets, several metrics,
/// and a predictor, which needs only the model.
/* prints:
 * recorded: train_loss_epoch, eval_loss_epoch, eval_accuracy_epoch, eval_top3_accuracy_epoch, noisy_loss_epoch, noisy_accuracy_epoch, dark_loss_epoch, dark_accuracy_epoch
 * stopped: the noisy set is good enough
 * accuracy above 0.8: true, among the first three classes above accuracy: true
 * the predicted class numbers [1000] have this accuracy: true
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <cmath>
#include <hone/hone.hpp>
#include <utility>

using Digits = hone::TensorDataset<std::pair<torch::Tensor, torch::Tensor>>;

/// In evaluations and predictions, averages the probabilities over an image and its shifts by one pixel.
struct TestTimeAugmentation {
  static torch::Tensor probabilities(auto& model, const torch::Tensor& images) {
    auto sum = torch::softmax(model->forward(images), 1);
    for (const std::int64_t shift : {-1, 1}) {
      for (const std::int64_t dim : {2, 3}) sum += torch::softmax(model->forward(images.roll(shift, dim)), 1);
    }
    return sum / 5.0;
  }

  /// Without the label smoothing of the training loss.
  hone::BatchOutput<torch::Tensor> eval_batch_loss(auto& trainer, const auto& batch) {
    const auto& [images, labels] = batch;
    const auto outputs = probabilities(trainer.model(), images);
    return {.loss = torch::nll_loss(outputs.log(), labels), .outputs = outputs, .batch_size = images.size(0)};
  }
  /// Returns class numbers.
  torch::Tensor predict_batch(auto& trainer, const auto& batch) {
    return probabilities(trainer.model(), batch.first).argmax(1);
  }
};

/// Evaluates one more set after each epoch, and records loss and accuracy under its name.
struct EvaluateAlso {
  std::string set;
  Digits data;

  void on_training_run_epoch_end(const auto& event) {
    const auto result = event.trainer.evaluate(data, hone::EvaluateOptions{.per_device_batch_size = 250});
    event.run.history().record(set + "_loss_epoch", result.at("evaluation_loss"), hone::Phase::eval);
    event.run.history().record(set + "_accuracy_epoch", result.at("evaluation_accuracy"), hone::Phase::eval);
  }
};

int main() {
  torch::manual_seed(0);
  auto model = torch::nn::Sequential(torch::nn::Flatten(), torch::nn::Linear(784, 64), torch::nn::ReLU(),
                                     torch::nn::Linear(64, 10));
  const Digits train_set = hone::digits(5'000, /*seed=*/1), eval_set = hone::digits(500, /*seed=*/2);
  const auto& [images, labels] = eval_set.tensors();
  const Digits noisy{images + 0.2 * torch::randn_like(images), labels}, dark{0.5 * images, labels};

  auto stop_when_good = hone::on<hone::TrainingRunEpochEnd>([](const auto& event) {
    if (event.run.history().at("noisy_accuracy_epoch") > 0.92) event.run.request_stop("the noisy set is good enough");
  });
  auto trainer = hone::Trainer{model,
                               torch::nn::CrossEntropyLoss{torch::nn::CrossEntropyLossOptions().label_smoothing(0.1)},
                               hone::Adam{.lr = 1e-3},
                               TestTimeAugmentation{},
                               hone::Metrics{hone::Accuracy{}, hone::TopKAccuracy{.k = 3}},
                               EvaluateAlso{"noisy", noisy},
                               EvaluateAlso{"dark", dark},
                               stop_when_good};
  const auto history = trainer.train(
      train_set, eval_set,
      hone::TrainOptions{.num_epochs = 20, .per_device_batch_size = 32, .eval_per_device_batch_size = 250, .seed = 0});
  fmt::print("recorded:");
  const char* comma = " ";
  for (const auto& name : history.names()) {
    if (!name.starts_with("evaluation_")) fmt::print("{}{}", std::exchange(comma, ", "), name);
  }
  fmt::print("\nstopped: {}\n", history.stop_reason().value_or("at the last epoch"));

  const auto test_set = hone::digits(1'000, /*seed=*/3);
  const auto result = trainer.evaluate(test_set, hone::EvaluateOptions{.per_device_batch_size = 250});
  const double accuracy = result.at("evaluation_accuracy");
  fmt::print("accuracy above 0.8: {}, among the first three classes above accuracy: {}\n", accuracy > 0.8,
             result.at("evaluation_top3_accuracy") > accuracy);

  // In production: no loss, no optimizer, and no parameter that requires a gradient.
  for (auto& parameter : model->parameters()) parameter.set_requires_grad(false);
  auto predictor = hone::Predictor{model, TestTimeAugmentation{}};
  const auto classes = predictor.predict(test_set, hone::EvaluateOptions{.per_device_batch_size = 250});
  const auto correct = classes.eq(test_set.tensors().second).to(torch::kDouble).mean().item<double>();
  fmt::print("the predicted class numbers {} have this accuracy: {}\n", c10::str(classes.sizes()),
             std::abs(correct - accuracy) < 1e-9);
}
