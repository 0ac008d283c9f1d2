// SPDX-License-Identifier: Apache-2.0
/// Sequences of different lengths: a collate function pads them, a GRU labels each token, and the loss ignores padding.
/// Batches have different numbers of tokens, so the loss step reports that number: gradient accumulation over 4 batches
/// of 8 sequences then gives the result of 1 batch of 32.
/* prints:
 * a batch: tokens [8, ...], ... of ... are not padding
 * 1 batch of 32 per update: token accuracy above 0.9: true
 * 4 batches of 8 per update: the same losses: true
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <boost/hana.hpp>
#include <cmath>
#include <hone/hone.hpp>

constexpr std::int64_t pad_token = 0, vocabulary_size = 5, max_depth = 3;
constexpr std::int64_t ignored = -100;  // as a label: the default `ignore_index` of cross entropy

/// Strings of brackets and letters. The label of a token is its nesting depth.
struct Sequence {
  torch::Tensor tokens, depths;  // [length]
};
struct Sequences {  // a dataset: `size` and `get`
  std::vector<Sequence> all;
  [[nodiscard]] std::size_t size() const { return all.size(); }
  [[nodiscard]] const Sequence& get(std::size_t i) const { return all[i]; }
};

Sequences make_sequences(std::int64_t count) {
  Sequences sequences;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto tokens = torch::randint(1, 5, {4 + i % 21});  // 1 opens a bracket, 2 closes one, 3 and 4 are letters
    auto depths = torch::empty_like(tokens);
    for (std::int64_t t = 0, depth = 0; t < tokens.size(0); ++t) {
      const auto token = tokens[t].item<std::int64_t>();
      depths[t] = depth = std::clamp<std::int64_t>(depth + (token == 1) - (token == 2), 0, max_depth);
    }
    sequences.all.push_back({tokens, depths});
  }
  return sequences;
}

struct Batch {
  torch::Tensor tokens;     // [sequences, longest]
  torch::Tensor depths;     // [sequences, longest], the target
  std::int64_t num_tokens;  // without padding
};
BOOST_HANA_ADAPT_STRUCT(Batch, tokens, depths, num_tokens);

Batch pad(const std::vector<Sequence>& sequences) {
  std::vector<torch::Tensor> tokens, depths;
  std::int64_t num_tokens = 0;
  for (const auto& sequence : sequences) {
    tokens.push_back(sequence.tokens);
    depths.push_back(sequence.depths);
    num_tokens += sequence.tokens.size(0);
  }
  return {torch::pad_sequence(tokens, /*batch_first=*/true, pad_token),
          torch::pad_sequence(depths, /*batch_first=*/true, ignored), num_tokens};
}

struct TaggerImpl : torch::nn::Module {
  torch::nn::Embedding embedding{torch::nn::EmbeddingOptions(vocabulary_size, 16).padding_idx(pad_token)};
  torch::nn::GRU gru{torch::nn::GRUOptions(16, 32).batch_first(true)};
  torch::nn::Linear head{32, max_depth + 1};
  TaggerImpl() {
    register_module("embedding", embedding);
    register_module("gru", gru);
    register_module("head", head);
  }
  /// Returns logits `[sequences, classes, longest]`, the layout that cross entropy expects.
  torch::Tensor forward(const torch::Tensor& tokens) {
    return head(std::get<0>(gru(embedding(tokens)))).transpose(1, 2);
  }
};
TORCH_MODULE(Tagger);

/// The result of the loss step. With `num_items`, a batch counts by its tokens: in the accumulation window, and in the
/// mean loss of an epoch.
struct TokenLoss {
  torch::Tensor loss, outputs;
  std::int64_t batch_size, num_items;
};
struct PerToken {
  TokenLoss train_batch_loss(auto& trainer, const Batch& batch) {
    const auto logits = trainer.model()->forward(batch.tokens);
    const auto loss = torch::cross_entropy_loss(logits, batch.depths);  // the mean over tokens that are not ignored
    return {loss, logits, batch.tokens.size(0), batch.num_tokens};
  }
};

hone::RunHistory train(const Sequences& train_set, const Sequences& eval_set, std::int64_t batches_per_update) {
  torch::manual_seed(0);
  auto trainer = hone::Trainer{Tagger{},
                               hone::NoLoss{},
                               hone::AdamW{.lr = 1e-2},
                               hone::GradAccum{batches_per_update},
                               PerToken{},
                               hone::Metrics{hone::Accuracy{.ignore_index = ignored}}};
  hone::IndexedLoader loader{train_set, {.batch_size = 32 / batches_per_update, .shuffle = true, .seed = 1}, pad};
  return trainer.train(loader, hone::IndexedLoader{eval_set, {.batch_size = 64}, pad},
                       hone::TrainOptions{.num_epochs = 4, .num_threads = 1});
}

int main() {
  torch::manual_seed(1);
  const auto train_set = make_sequences(640), eval_set = make_sequences(128);
  const Batch batch = pad({train_set.all.begin(), train_set.all.begin() + 8});
  fmt::print("a batch: tokens {}, {} of {} are not padding\n", c10::str(batch.tokens.sizes()), batch.num_tokens,
             batch.tokens.numel());

  const auto whole = train(train_set, eval_set, /*batches_per_update=*/1);
  fmt::print("1 batch of 32 per update: token accuracy above 0.9: {}\n", whole.at("eval_accuracy_epoch") > 0.9);
  const auto accumulated = train(train_set, eval_set, /*batches_per_update=*/4);
  fmt::print("4 batches of 8 per update: the same losses: {}\n",
             std::abs(whole.at("train_loss_epoch") - accumulated.at("train_loss_epoch")) < 1e-3);
}
