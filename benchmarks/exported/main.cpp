// SPDX-License-Identifier: Apache-2.0
/// Compares a training step that was exported from Python with the same step with eager operators, both in
/// `hone::Trainer`.
///
///     bench_exported FOLDER ROUNDS STEPS
///
/// FOLDER contains the packages of models.py. Prints a line for each network and variant: its name, and the time per
/// step in microseconds for each round. Fails if the losses of the first steps differ.
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hone/checkpoint/state_dict.hpp"
#include "hone/exported/exported_model.hpp"
#include "hone/hone.hpp"

namespace {

using torch::Tensor;
using Batch = std::pair<Tensor, Tensor>;
namespace nn = torch::nn;

struct BlockImpl : nn::Module {
  BlockImpl(std::int64_t width, std::int64_t num_heads) : heads(num_heads) {
    norm1 = register_module("norm1", nn::LayerNorm(nn::LayerNormOptions({width})));
    norm2 = register_module("norm2", nn::LayerNorm(nn::LayerNormOptions({width})));
    qkv = register_module("qkv", nn::Linear(width, 3 * width));
    out = register_module("out", nn::Linear(width, width));
    up = register_module("up", nn::Linear(width, 4 * width));
    down = register_module("down", nn::Linear(4 * width, width));
  }
  Tensor forward(Tensor x) {
    const auto batch = x.size(0), length = x.size(1), width = x.size(2);
    auto parts = qkv(norm1(x)).chunk(3, -1);
    for (auto& part : parts) part = part.view({batch, length, heads, -1}).transpose(1, 2);
    const auto attended = at::scaled_dot_product_attention(parts[0], parts[1], parts[2], {}, 0.0, /*is_causal=*/true);
    x = x + out(attended.transpose(1, 2).reshape({batch, length, width}));
    return x + down(torch::gelu(up(norm2(x))));
  }
  std::int64_t heads;
  nn::LayerNorm norm1 = nullptr, norm2 = nullptr;
  nn::Linear qkv = nullptr, out = nullptr, up = nullptr, down = nullptr;
};
TORCH_MODULE(Block);

struct CharGptImpl : nn::Module {
  CharGptImpl() {
    for (int layer = 0; layer < 2; ++layer) blocks->push_back(Block(64, 4));
  }
  Tensor forward(const Tensor& characters) {
    return head(norm(blocks->forward(token(characters) + position))).transpose(1, 2);
  }
  Tensor position = register_parameter("position", torch::zeros({64, 64}));
  nn::Embedding token = register_module("token", nn::Embedding(65, 64));
  nn::Sequential blocks = register_module("blocks", nn::Sequential());
  nn::LayerNorm norm = register_module("norm", nn::LayerNorm(nn::LayerNormOptions({64})));
  nn::Linear head = register_module("head", nn::Linear(nn::LinearOptions(64, 65).bias(false)));
};
TORCH_MODULE(CharGpt);

/// Measures both variants of a network, and prints their times.
template <class Net, class Loss, class Rule>
void compare(const std::string& name, const std::filesystem::path& folder, Net net, Loss loss, const Rule& rule,
             const std::vector<Batch>& batches, int rounds, int steps) {
  hone::Trainer exported{hone::ExportedModel(folder / (name + ".pt2")), hone::ExportedLoss{}, rule};
  hone::load_state_dict(net, hone::state_dict(exported.model()));
  hone::Trainer eager{net, loss, rule};
  for (const auto& batch : batches) {
    const double exported_loss = exported.step(batch).loss.template item<double>();
    const double eager_loss = eager.step(batch).loss.template item<double>();
    if (std::abs(exported_loss - eager_loss) > 1e-3 * std::max(1.0, std::abs(eager_loss))) {
      fmt::print(stderr, "{}: the loss is {} with the exported step and {} with the eager step.\n", name, exported_loss,
                 eager_loss);
      std::exit(1);
    }
  }
  std::vector<double> times[2];
  const auto time = [&](auto& trainer) {
    const auto begin = std::clock();  // CPU time: the program has one thread, which never blocks
    for (int i = 0; i < steps; ++i) trainer.step(batches[static_cast<std::size_t>(i) % batches.size()]);
    return 1e6 / CLOCKS_PER_SEC * static_cast<double>(std::clock() - begin) / steps;
  };
  for (int round = -1; round < rounds; ++round) {  // the first round is a warm-up
    double us[2];
    for (const int position : {0, 1}) {
      const int variant = (position + round + 1) % 2;
      us[variant] = variant == 0 ? time(exported) : time(eager);
    }
    for (const int variant : {0, 1}) {
      if (round >= 0) times[variant].push_back(us[variant]);
    }
  }
  for (const int variant : {0, 1}) {
    fmt::print("{}.{}", name, variant == 0 ? "exported" : "eager");
    for (const double us : times[variant]) fmt::print(" {:.3f}", us);
    fmt::print("\n");
  }
}

std::vector<Batch> batches_of(const auto& inputs, const auto& target) {
  std::vector<Batch> batches;
  for (int i = 0; i < 20; ++i) batches.emplace_back(inputs(), target());
  return batches;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    fmt::print(stderr, "Pass FOLDER ROUNDS STEPS.\n");
    return 2;
  }
  const std::filesystem::path folder = arguments[1];
  const int rounds = std::stoi(arguments[2]), steps = std::stoi(arguments[3]);
  at::set_num_threads(1);
  at::globalContext().setFlushDenormal(true);
  static_cast<void>(hone::RetainHeap::over_run());
  torch::manual_seed(0);
  const auto numbers = [](std::vector<std::int64_t> shape) { return [shape] { return torch::randn(shape); }; };
  const auto classes = [](std::int64_t num_classes, std::vector<std::int64_t> shape) {
    return [num_classes, shape] { return torch::randint(num_classes, shape); };
  };
  const hone::Sgd sgd{.lr = 0.01, .momentum = 0.9};
  const hone::Adam adam{.lr = 1e-3};

  compare("tanh_small", folder, nn::Sequential(nn::Linear(8, 16), nn::Tanh(), nn::Linear(16, 4)), nn::MSELoss(), sgd,
          batches_of(numbers({32, 8}), numbers({32, 4})), rounds, 10 * steps);
  compare("tanh_deep", folder,
          nn::Sequential(nn::Linear(8, 64), nn::Tanh(), nn::Linear(64, 64), nn::Tanh(), nn::Linear(64, 64), nn::Tanh(),
                         nn::Linear(64, 1)),
          nn::MSELoss(), sgd, batches_of(numbers({256, 8}), numbers({256, 1})), rounds, 2 * steps);
  compare("digits_mlp", folder,
          nn::Sequential(nn::Linear(784, 128), nn::ReLU(), nn::Linear(128, 64), nn::ReLU(), nn::Linear(64, 10)),
          nn::CrossEntropyLoss(), sgd, batches_of(numbers({32, 784}), classes(10, {32})), rounds, 2 * steps);
  compare("digits_cnn", folder,
          nn::Sequential(nn::Conv2d(1, 10, 5), nn::MaxPool2d(2), nn::ReLU(), nn::Conv2d(10, 20, 5), nn::MaxPool2d(2),
                         nn::ReLU(), nn::Flatten(), nn::Linear(320, 50), nn::ReLU(), nn::Linear(50, 10)),
          nn::CrossEntropyLoss(), adam, batches_of(numbers({64, 1, 28, 28}), classes(10, {64})), rounds,
          std::max(1, steps / 5));
  compare("char_gpt", folder, CharGpt(), nn::CrossEntropyLoss(), adam,
          batches_of(classes(65, {16, 64}), classes(65, {16, 64})), rounds, std::max(1, steps / 20));
  return 0;
}
