// SPDX-License-Identifier: Apache-2.0
/// The four workloads: model, loss, update rule and the shape of a batch. benchmarks/peers/workloads.py says the same
/// in Python.
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

/// 784-128-64-10, rectified.
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

/// 8-64-64-64-1, hyperbolic tangents.
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

/// Two convolutions of 5x5 with 10 and 20 channels, each halved by its maxima, then 320-50-10.
struct MnistCnnImpl : torch::nn::Module {
  torch::nn::Conv2d lines{torch::nn::Conv2dOptions(1, 10, 5)}, shapes{torch::nn::Conv2dOptions(10, 20, 5)};
  torch::nn::Linear hidden{320, 50}, classes{50, 10};

  MnistCnnImpl() {
    register_module("lines", lines);
    register_module("shapes", shapes);
    register_module("hidden", hidden);
    register_module("classes", classes);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    auto h = torch::relu(torch::max_pool2d(lines(x), 2));
    h = torch::relu(torch::max_pool2d(shapes(h), 2));
    return classes(torch::relu(hidden(h.flatten(1))));
  }
};
TORCH_MODULE(MnistCnn);

namespace gpt {
inline constexpr std::int64_t vocabulary = 76, context = 64, width = 64, heads = 4;
}

/// Attention and two layers beside a residual stream, each after a norm.
struct BlockImpl : torch::nn::Module {
  torch::nn::LayerNorm before_attention{torch::nn::LayerNormOptions({gpt::width})};
  torch::nn::Linear mix{gpt::width, 3 * gpt::width}, project{gpt::width, gpt::width};
  torch::nn::LayerNorm before_layers{torch::nn::LayerNormOptions({gpt::width})};
  torch::nn::Linear up{gpt::width, 4 * gpt::width}, down{4 * gpt::width, gpt::width};

  BlockImpl() {
    register_module("before_attention", before_attention);
    register_module("mix", mix);
    register_module("project", project);
    register_module("before_layers", before_layers);
    register_module("up", up);
    register_module("down", down);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const auto batch = x.size(0), length = x.size(1);
    const auto parts = mix(before_attention(x))
                           .view({batch, length, 3, gpt::heads, gpt::width / gpt::heads})
                           .permute({2, 0, 3, 1, 4})
                           .unbind();
    const auto seen =
        at::scaled_dot_product_attention(parts[0], parts[1], parts[2], {}, /*dropout_p=*/0.0, /*is_causal=*/true);
    const auto mixed = x + project(seen.transpose(1, 2).reshape({batch, length, gpt::width}));
    return mixed + down(torch::gelu(up(before_layers(mixed))));
  }
};
TORCH_MODULE(Block);

/// A small GPT over characters: two blocks of width 64 with four heads, 64 characters at a time.
struct CharGptImpl : torch::nn::Module {
  torch::nn::Embedding characters{gpt::vocabulary, gpt::width}, places{gpt::context, gpt::width};
  Block first, second;
  torch::nn::LayerNorm norm{torch::nn::LayerNormOptions({gpt::width})};
  torch::nn::Linear head{gpt::width, gpt::vocabulary};

  CharGptImpl() {
    register_module("characters", characters);
    register_module("places", places);
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
  /// `[batch, context]` in, `[batch * context, vocabulary]` out.
  torch::Tensor forward(const torch::Tensor& text) {
    const auto x = characters(text) + places->weight.narrow(0, 0, text.size(1));
    return head(norm(second(first(x)))).flatten(0, 1);
  }
};
TORCH_MODULE(CharGpt);

/// Losses are functions that the loops and the trainer call alike.
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
  static constexpr double max_norm = 0.0;  ///< 0: gradients are used as they are.
  static constexpr bool cosine = false;    ///< The learning rate falls to 0 along half a cosine within an epoch.
};

/// `input_bytes` and `target_bytes` are those of one sample.
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

/// Calls `visit.template operator()<Workload>()` for the workload of that name.
template <class Visit>
auto with_workload(std::string_view name, Visit&& visit) {
  if (name == MnistMlpWorkload::name) return visit.template operator()<MnistMlpWorkload>();
  if (name == SurrogateWorkload::name) return visit.template operator()<SurrogateWorkload>();
  if (name == MnistCnnWorkload::name) return visit.template operator()<MnistCnnWorkload>();
  if (name == CharGptWorkload::name) return visit.template operator()<CharGptWorkload>();
  throw std::invalid_argument("There is no workload " + std::string(name) +
                              ". Give mnist_mlp, surrogate, mnist_cnn or char_gpt.");
}

template <class Workload>
typename Workload::Model make_model() {
  torch::manual_seed(settings::seed);
  return {};
}
