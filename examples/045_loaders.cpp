// SPDX-License-Identifier: Apache-2.0
/// A loader replaces a dataset where the program defines the order of the samples or their collation into batches. Here
/// sentences of different lengths are padded, and the rare class is drawn more often.
/* prints:
 * 8 batches of 16 sentences, the longest has 9 words
 * share of the rare class: 0.10 in the data, 0.4... in an epoch
 * loss ... -> ...
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <hone/hone.hpp>

using Sentence = std::pair<torch::Tensor, std::int64_t>;  // words [length], and a class

/// A dataset with access by index: `size` and `get`.
struct Sentences {
  std::vector<Sentence> all;
  [[nodiscard]] std::size_t size() const { return all.size(); }
  [[nodiscard]] const Sentence& get(std::size_t i) const { return all[i]; }
};

/// Collates samples into a batch: words [sentences, longest], padded with zeros at the end, and classes [sentences].
auto pad(const std::vector<Sentence>& sentences) {
  std::vector<torch::Tensor> words;
  std::vector<std::int64_t> classes;
  for (const auto& [sentence, label] : sentences) {
    words.push_back(sentence);
    classes.push_back(label);
  }
  return std::pair{torch::nn::utils::rnn::pad_sequence(words, /*batch_first=*/true), torch::tensor(classes)};
}

struct ClassifierImpl : torch::nn::Module {
  torch::nn::EmbeddingBag words{torch::nn::EmbeddingBagOptions(20, 2).mode(torch::kSum).padding_idx(0)};
  ClassifierImpl() { register_module("words", words); }
  torch::Tensor forward(const torch::Tensor& x) { return words(x); }
};
TORCH_MODULE(Classifier);

int main() {
  torch::manual_seed(0);
  Sentences sentences;
  std::vector<double> weights;  // one sample in ten is of the rare class, with nine times the weight
  for (std::int64_t i = 0; i < 200; ++i) {
    const bool rare = i % 10 == 0;
    sentences.all.emplace_back(torch::randint(rare ? 10 : 1, rare ? 20 : 10, {2 + i % 8}), rare ? 1 : 0);
    weights.push_back(rare ? 9.0 : 1.0);
  }

  hone::IndexedLoader loader{sentences,
                             {.batch_size = 16},
                             pad,
                             hone::WeightedRandomSampler{.weights = torch::tensor(weights), .num_samples = 128}};
  std::int64_t longest = 0;
  double rare = 0.0;
  for (const auto& [words, classes] : loader) {
    longest = std::max(longest, words.size(1));
    rare += classes.sum().item<double>();
  }
  fmt::print("{} batches of 16 sentences, the longest has {} words\n", loader.size(), longest);
  fmt::print("share of the rare class: {:.2f} in the data, {:.2f} in an epoch\n", 0.1, rare / 128);

  auto trainer = hone::Trainer{Classifier{}, torch::nn::CrossEntropyLoss{}, hone::Adam{.lr = 0.1}};
  hone::IndexedLoader in_order{sentences, {.batch_size = 50}, pad};  // for the evaluation, each sentence once
  const auto history = trainer.train(loader, in_order, hone::TrainOptions{.num_epochs = 5});
  const auto losses = history.values("eval_loss_epoch");
  fmt::print("loss {:.3f} -> {:.3f}\n", losses.front().value, losses.back().value);
}
