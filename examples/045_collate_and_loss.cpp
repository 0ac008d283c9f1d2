// SPDX-License-Identifier: Apache-2.0
/// A custom collate function, a sampler and a custom loss, for digits of which half of the classes are rare: the sampler
/// draws all classes equally often, mixup blends the samples of a batch, and the focal loss accepts blended labels.
/* prints:
 * share of the rare classes: 0.1 in the data, 0.5 in an epoch
 * accuracy on balanced data above 0.7: true
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <hone/hone.hpp>

using Sample = std::pair<torch::Tensor, torch::Tensor>;  // image [1, 28, 28], class number []

/// Stacks the samples, and blends each one with another one of the batch (H. Zhang et al., "mixup: Beyond Empirical
/// Risk Minimization", 2018, with alpha = 1).
struct Mixup {
  std::int64_t num_classes = 10;

  std::pair<torch::Tensor, torch::Tensor> operator()(const std::vector<Sample>& samples) const {
    const auto [images, labels] = hone::default_collate(samples);
    const auto targets = torch::one_hot(labels, num_classes).to(torch::kFloat);
    const double lambda = torch::rand({}).item<double>();
    const auto others = torch::randperm(images.size(0));
    return {torch::lerp(images.index_select(0, others), images, lambda),
            torch::lerp(targets.index_select(0, others), targets, lambda)};
  }
};

/// Cross entropy with less weight on samples that are already classified well (T.-Y. Lin et al., "Focal Loss for Dense
/// Object Detection", 2017). Targets are class numbers `[batch]` or probabilities `[batch, classes]`.
struct FocalLoss {
  double gamma = 2.0;

  torch::Tensor operator()(const torch::Tensor& outputs, const torch::Tensor& targets) const {
    const auto p = targets.dim() == 1 ? torch::one_hot(targets, outputs.size(1)) : targets;
    const auto log_q = torch::log_softmax(outputs, 1);
    return -(p * (1.0 - log_q.exp()).pow(gamma) * log_q).sum(1).mean();
  }
};

int main() {
  torch::manual_seed(0);
  // Of the classes 5 to 9, the training set has every tenth sample only.
  const auto digits = hone::digits(5'000, /*seed=*/1);
  const auto& [all_images, all_labels] = digits.tensors();
  const auto kept = ((all_labels < 5) | (torch::arange(all_labels.size(0)) % 10 == 0)).nonzero().squeeze(1);
  const auto labels = all_labels.index_select(0, kept);
  const hone::TensorDataset train_set{all_images.index_select(0, kept), labels};
  const auto eval_set = hone::digits(1'000, /*seed=*/2);

  // The weight of a sample is one over the number of samples of its class.
  const auto weights = labels.bincount().to(torch::kDouble).reciprocal().index_select(0, labels);
  hone::IndexedLoader loader{
      train_set, {.batch_size = 32, .drop_last = true}, Mixup{}, hone::WeightedRandomSampler{.weights = weights}};

  double rare = 0.0;
  for (const auto& [images, targets] : loader) {
    rare += targets.slice(1, 5, 10).sum().item<double>() / static_cast<double>(32 * loader.size());
  }
  fmt::print("share of the rare classes: {:.1f} in the data, {:.1f} in an epoch\n",
             labels.ge(5).to(torch::kDouble).mean().item<double>(), rare);

  auto model = torch::nn::Sequential(torch::nn::Flatten(), torch::nn::Linear(784, 64), torch::nn::ReLU(),
                                     torch::nn::Linear(64, 10));
  auto trainer = hone::Trainer{model, FocalLoss{.gamma = 2.0}, hone::Adam{.lr = 1e-3}, hone::Metrics{hone::Accuracy{}}};
  const auto history = trainer.train(loader, hone::TensorLoader{eval_set, {.batch_size = 100}},
                                     hone::TrainOptions{.num_epochs = 8, .seed = 0, .num_threads = 1});
  fmt::print("accuracy on balanced data above 0.7: {}\n", history.at("eval_accuracy_epoch") > 0.7);
}
