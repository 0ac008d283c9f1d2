// SPDX-License-Identifier: Apache-2.0
/// A small GPT over characters learns a sonnet of Shakespeare and recites it.
/* prints:
 * epoch 3: loss ...
 * epoch 6: loss ...
 * epoch 9: loss ...
 * epoch 12: loss 0...
 * Shall I compare thee to a summer's day?
 * Thou art more lovely and more temperate:
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <hone/hone.hpp>
#include <iterator>
#include <set>
#include <string>

constexpr std::int64_t context = 32, width = 64, num_heads = 4;

struct BlockImpl : torch::nn::Module {
  torch::nn::LayerNorm ln_1 = register_module("ln_1", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
  torch::nn::Linear c_attn = register_module("c_attn", torch::nn::Linear(width, 3 * width));
  torch::nn::Linear c_proj = register_module("c_proj", torch::nn::Linear(width, width));
  torch::nn::LayerNorm ln_2 = register_module("ln_2", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
  torch::nn::Sequential mlp =
      register_module("mlp", torch::nn::Sequential(torch::nn::Linear(width, 4 * width), torch::nn::GELU(),
                                                   torch::nn::Linear(4 * width, width)));

  torch::Tensor attention(const torch::Tensor& x) {
    const auto batch = x.size(0), length = x.size(1);
    const auto qkv = c_attn(x).view({batch, length, 3, num_heads, width / num_heads}).permute({2, 0, 3, 1, 4}).unbind();
    const auto y = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], {}, /*dropout_p=*/0.0, /*is_causal=*/true);
    return c_proj(y.transpose(1, 2).reshape({batch, length, width}));
  }
  torch::Tensor forward(torch::Tensor x) {
    x = x + attention(ln_1(x));
    return x + mlp->forward(ln_2(x));
  }
};
TORCH_MODULE(Block);

struct GptImpl : torch::nn::Module {
  torch::nn::Embedding wte{nullptr}, wpe{nullptr};
  torch::nn::Sequential blocks{Block(), Block()};
  torch::nn::LayerNorm ln_f{torch::nn::LayerNormOptions({width})};
  torch::nn::Linear lm_head{nullptr};

  explicit GptImpl(std::int64_t vocabulary_size) {
    wte = register_module("wte", torch::nn::Embedding(vocabulary_size, width));
    wpe = register_module("wpe", torch::nn::Embedding(context, width));
    register_module("blocks", blocks);
    register_module("ln_f", ln_f);
    lm_head = register_module("lm_head", torch::nn::Linear(width, vocabulary_size));
    const torch::NoGradGuard no_grad;
    for (auto& parameter : parameters()) {
      if (parameter.dim() >= 2) parameter.normal_(0.0, 0.02);
    }
  }
  /// Tokens `[batch, length]`, logits `[batch, length, vocabulary]`.
  torch::Tensor forward(const torch::Tensor& tokens) {
    const auto positions = torch::arange(tokens.size(1), tokens.device());
    return lm_head(ln_f(blocks->forward(wte(tokens) + wpe(positions))));
  }
};
TORCH_MODULE(Gpt);

int main() {
  torch::manual_seed(0);
  std::ifstream file(std::filesystem::path(__FILE__).parent_path() / "data" / "sonnet_18.txt");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::set<char> used(text.begin(), text.end());
  const std::string vocabulary(used.begin(), used.end());
  const auto encode = [&](std::string_view characters) {
    std::vector<std::int64_t> tokens;
    for (const char c : characters) tokens.push_back(static_cast<std::int64_t>(vocabulary.find(c)));
    return torch::tensor(tokens);
  };

  // A sample for each position of the text. The target of a token is the token after it.
  const auto windows = encode(text).unfold(0, context + 1, 1);
  const hone::TensorDataset train_set{windows.slice(1, 0, context), windows.slice(1, 1, context + 1)};

  Gpt model(std::ssize(vocabulary));
  const auto loss = [](const torch::Tensor& logits, const torch::Tensor& targets) {
    return torch::cross_entropy_loss(logits.flatten(0, 1), targets.flatten());
  };
  hone::NamedParameters decayed, others;  // no weight decay for biases and norms
  for (auto& parameter : hone::named_parameters(model)) {
    (parameter.value.dim() >= 2 ? decayed : others).push_back(parameter);
  }
  hone::FusedOptimizer<hone::AdamW> optimizer{decayed, {.lr = 8e-3, .beta2 = 0.95, .weight_decay = 0.1}};
  optimizer.add_group(others, {.lr = 8e-3, .beta2 = 0.95, .weight_decay = 0.0});

  auto trainer = hone::Trainer{model,
                               loss,
                               std::move(optimizer),
                               hone::ClipNorm{.max_norm = 1.0},
                               hone::CosineLr{.warmup_updates = 50, .min_lr = 0.0},
                               hone::every_epochs<3>(hone::on<hone::TrainEpochEnd>([](const auto& event) {
                                 fmt::print("epoch {}: loss {:.1f}\n", event.run.epoch(), event.loss);
                               }))};
  trainer.train(train_set,
                hone::TrainOptions{.num_epochs = 12, .per_device_batch_size = 32, .seed = 0, .num_threads = 1});

  model->eval();
  const torch::NoGradGuard no_grad;
  std::string sample = "Shall I compare thee";
  while (sample.size() < 80) {  // the most likely character each time
    const auto start = std::max<std::int64_t>(0, std::ssize(sample) - context);
    const auto logits = model(encode(std::string_view(sample).substr(static_cast<std::size_t>(start))).unsqueeze(0));
    sample += vocabulary[static_cast<std::size_t>(logits[0][-1].argmax().item<std::int64_t>())];
  }
  fmt::print("{}\n", sample);
}
