// SPDX-License-Identifier: Apache-2.0
/// The four workloads: model, loss, optimizer and batch size. benchmarks/frameworks/workloads.py is the same in Python.
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "data.hpp"

enum class Rule { sgd, adam, adamw };

namespace settings {
inline constexpr double lr = 1e-3, momentum = 0.9, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
}

/// An MLP 784-128-64-10 with ReLU.
struct MnistMlpImpl : torch::nn::Module {
  torch::nn::Linear first{784, 128}, second{128, 64}, third{64, 10};

  MnistMlpImpl() {
    register_module("first", first);
    register_module("second", second);
    register_module("third", third);
  }
  torch::Tensor forward(const torch::Tensor& x) { return third(torch::relu(second(torch::relu(first(x.flatten(1)))))); }
};
TORCH_MODULE(MnistMlp);

/// An MLP 8-64-64-64-1 with tanh.
struct SurrogateImpl : torch::nn::Module {
  torch::nn::Linear first{8, 64}, second{64, 64}, third{64, 64}, last{64, 1};

  SurrogateImpl() {
    register_module("first", first);
    register_module("second", second);
    register_module("third", third);
    register_module("last", last);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return last(torch::tanh(third(torch::tanh(second(torch::tanh(first(x)))))));
  }
};
TORCH_MODULE(Surrogate);

/// Two 5x5 convolutions with 10 and 20 channels, each with 2x2 max pooling and ReLU, and an MLP 320-50-10.
struct MnistCnnImpl : torch::nn::Module {
  torch::nn::Conv2d conv1{torch::nn::Conv2dOptions(1, 10, 5)}, conv2{torch::nn::Conv2dOptions(10, 20, 5)};
  torch::nn::Linear fc1{320, 50}, fc2{50, 10};

  MnistCnnImpl() {
    register_module("conv1", conv1);
    register_module("conv2", conv2);
    register_module("fc1", fc1);
    register_module("fc2", fc2);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    auto h = torch::relu(torch::max_pool2d(conv1(x), 2));
    h = torch::relu(torch::max_pool2d(conv2(h), 2));
    return fc2(torch::relu(fc1(h.flatten(1))));
  }
};
TORCH_MODULE(MnistCnn);

namespace gpt {
inline constexpr std::int64_t vocabulary = 76, context = 64, width = 64, heads = 4;
}

/// A transformer block with pre-normalization.
struct BlockImpl : torch::nn::Module {
  torch::nn::LayerNorm norm1{torch::nn::LayerNormOptions({gpt::width})};
  torch::nn::Linear qkv{gpt::width, 3 * gpt::width}, out{gpt::width, gpt::width};
  torch::nn::LayerNorm norm2{torch::nn::LayerNormOptions({gpt::width})};
  torch::nn::Linear up{gpt::width, 4 * gpt::width}, down{4 * gpt::width, gpt::width};

  BlockImpl() {
    register_module("norm1", norm1);
    register_module("qkv", qkv);
    register_module("out", out);
    register_module("norm2", norm2);
    register_module("up", up);
    register_module("down", down);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const auto batch = x.size(0), length = x.size(1);
    const auto parts =
        qkv(norm1(x)).view({batch, length, 3, gpt::heads, gpt::width / gpt::heads}).permute({2, 0, 3, 1, 4}).unbind();
    const auto attended =
        at::scaled_dot_product_attention(parts[0], parts[1], parts[2], {}, /*dropout_p=*/0.0, /*is_causal=*/true);
    const auto h = x + out(attended.transpose(1, 2).reshape({batch, length, gpt::width}));
    return h + down(torch::gelu(up(norm2(h))));
  }
};
TORCH_MODULE(Block);

/// A character GPT: two blocks of width 64 with four heads, and a context of 64 characters.
struct CharGptImpl : torch::nn::Module {
  torch::nn::Embedding token{gpt::vocabulary, gpt::width}, position{gpt::context, gpt::width};
  Block first, second;
  torch::nn::LayerNorm norm{torch::nn::LayerNormOptions({gpt::width})};
  torch::nn::Linear head{gpt::width, gpt::vocabulary};

  CharGptImpl() {
    register_module("token", token);
    register_module("position", position);
    register_module("first", first);
    register_module("second", second);
    register_module("norm", norm);
    register_module("head", head);
    const torch::NoGradGuard no_grad;
    for (auto& item : named_parameters()) {
      if (item->dim() >= 2) {
        item->normal_(0.0, 0.02);
      } else if (item.key().ends_with("bias")) {
        item->zero_();
      }
    }
  }
  /// Maps `[batch, context]` to `[batch * context, vocabulary]`.
  torch::Tensor forward(const torch::Tensor& text) {
    const auto x = token(text) + position->weight.narrow(0, 0, text.size(1));
    return head(norm(second(first(x)))).flatten(0, 1);
  }
};
TORCH_MODULE(CharGpt);

/// The losses, as callables for the loops and for the trainer.
struct ClassLoss {
  torch::Tensor operator()(const torch::Tensor& output, const torch::Tensor& target) const {
    return torch::cross_entropy_loss(output, target);
  }
};
struct SquareLoss {
  torch::Tensor operator()(const torch::Tensor& output, const torch::Tensor& target) const {
    return torch::mse_loss(output, target);
  }
};
/// The mean over all characters of a batch.
struct CharacterLoss {
  torch::Tensor operator()(const torch::Tensor& output, const torch::Tensor& target) const {
    return torch::cross_entropy_loss(output, target.flatten());
  }
};

template <class ModelType, class LossType>
struct WorkloadOf {
  using Model = ModelType;
  using Loss = LossType;
  static constexpr double max_norm = 0.0;  ///< 0: no gradient clipping.
  static constexpr bool cosine = false;    ///< Cosine annealing of the learning rate to 0 within an epoch.
};

/// `input_bytes` and `target_bytes` are the sizes of one sample.
struct MnistMlpWorkload : WorkloadOf<MnistMlp, ClassLoss> {
  static constexpr std::string_view name = "mnist_mlp";
  static constexpr std::int64_t batch_size = 32;
  static constexpr Rule rule = Rule::sgd;
  static constexpr std::size_t input_bytes = 784 * sizeof(float), target_bytes = sizeof(std::int64_t);
};
struct SurrogateWorkload : WorkloadOf<Surrogate, SquareLoss> {
  static constexpr std::string_view name = "surrogate";
  static constexpr std::int64_t batch_size = 256;
  static constexpr Rule rule = Rule::adam;
  static constexpr std::size_t input_bytes = 8 * sizeof(float), target_bytes = sizeof(float);
};
struct MnistCnnWorkload : WorkloadOf<MnistCnn, ClassLoss> {
  static constexpr std::string_view name = "mnist_cnn";
  static constexpr std::int64_t batch_size = 64;
  static constexpr Rule rule = Rule::adam;
  static constexpr std::size_t input_bytes = 784 * sizeof(float), target_bytes = sizeof(std::int64_t);
};
struct CharGptWorkload : WorkloadOf<CharGpt, CharacterLoss> {
  static constexpr std::string_view name = "char_gpt";
  static constexpr std::int64_t batch_size = 16;
  static constexpr Rule rule = Rule::adamw;
  static constexpr double weight_decay = 0.01, max_norm = 1.0;
  static constexpr bool cosine = true;
  static constexpr std::size_t input_bytes = gpt::context * sizeof(std::int64_t), target_bytes = input_bytes;
};

/// Calls `visit.template operator()<Workload>()` for the workload with this name.
template <class Visit>
auto with_workload(std::string_view name, Visit&& visit) {
  if (name == MnistMlpWorkload::name) return visit.template operator()<MnistMlpWorkload>();
  if (name == SurrogateWorkload::name) return visit.template operator()<SurrogateWorkload>();
  if (name == MnistCnnWorkload::name) return visit.template operator()<MnistCnnWorkload>();
  if (name == CharGptWorkload::name) return visit.template operator()<CharGptWorkload>();
  throw std::invalid_argument("There is no workload " + std::string(name) +
                              ". Pass mnist_mlp, surrogate, mnist_cnn or char_gpt.");
}

template <class Workload>
typename Workload::Model make_model() {
  torch::manual_seed(settings::seed);
  return {};
}
