// SPDX-License-Identifier: Apache-2.0
/// What is trained: the four workloads of benchmarks/floor, a network of the shape of GPT-2, and a wide network whose
/// batches are large. torch_loops.py says the same in Python.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "../floor/workloads.hpp"

/// A decoder's sizes.
struct Gpt2Shape {
  std::int64_t layers = 12, width = 768, heads = 12, context = 1024;
  std::int64_t vocabulary = 50304;  ///< GPT-2's 50257, filled up to a multiple of 128.
};

/// As Python computes it. `torch::nn::Linear` adds the bias to batches of three dimensions by a kernel of its own.
inline torch::Tensor affine(const torch::nn::Linear& layer, const torch::Tensor& x) {
  return torch::linear(x, layer->weight, layer->bias);
}

/// Attention and two layers beside a residual stream, each after a norm.
struct Gpt2BlockImpl : torch::nn::Module {
  std::int64_t heads;
  torch::nn::LayerNorm before_attention;
  torch::nn::Linear mix, project;
  torch::nn::LayerNorm before_layers;
  torch::nn::Linear up, down;

  explicit Gpt2BlockImpl(const Gpt2Shape& shape)
      : heads(shape.heads),
        before_attention(torch::nn::LayerNormOptions({shape.width})),
        mix(shape.width, 3 * shape.width),
        project(shape.width, shape.width),
        before_layers(torch::nn::LayerNormOptions({shape.width})),
        up(shape.width, 4 * shape.width),
        down(4 * shape.width, shape.width) {
    register_module("before_attention", before_attention);
    register_module("mix", mix);
    register_module("project", project);
    register_module("before_layers", before_layers);
    register_module("up", up);
    register_module("down", down);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const auto batch = x.size(0), length = x.size(1), width = x.size(2);
    const auto parts = affine(mix, before_attention(x))
                           .view({batch, length, 3, heads, width / heads})
                           .permute({2, 0, 3, 1, 4})
                           .unbind();
    const auto seen =
        at::scaled_dot_product_attention(parts[0], parts[1], parts[2], {}, /*dropout_p=*/0.0, /*is_causal=*/true);
    const auto mixed = x + affine(project, seen.transpose(1, 2).reshape({batch, length, width}));
    return mixed + affine(down, torch::gelu(affine(up, before_layers(mixed)), "tanh"));
  }
};
TORCH_MODULE(Gpt2Block);

/// GPT-2 without dropout: 124.5 million parameters in its own sizes, the table of tokens being also the last layer.
///
/// **Source** A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.
struct Gpt2Impl : torch::nn::Module {
  torch::nn::Embedding tokens, places;
  torch::nn::ModuleList blocks;
  torch::nn::LayerNorm norm;

  explicit Gpt2Impl(const Gpt2Shape& shape)
      : tokens(shape.vocabulary, shape.width),
        places(shape.context, shape.width),
        norm(torch::nn::LayerNormOptions({shape.width})) {
    register_module("tokens", tokens);
    register_module("places", places);
    register_module("blocks", blocks);
    register_module("norm", norm);
    for (std::int64_t layer = 0; layer < shape.layers; ++layer) blocks->push_back(Gpt2Block(shape));
    const torch::NoGradGuard no_grad;
    const double residual = 0.02 / std::sqrt(2.0 * static_cast<double>(shape.layers));
    for (auto& item : named_parameters()) {
      const auto& name = item.key();
      if (item->dim() >= 2) {
        item->normal_(0.0, name.ends_with("project.weight") || name.ends_with("down.weight") ? residual : 0.02);
      } else if (name.ends_with("bias")) {
        item->zero_();
      }
    }
  }
  /// `[batch, context]` in, `[batch * context, vocabulary]` out.
  torch::Tensor forward(const torch::Tensor& text) {
    auto x = tokens(text) + places->weight.narrow(0, 0, text.size(1));
    for (const auto& block : *blocks) x = block->as<Gpt2BlockImpl>()->forward(x);
    return torch::linear(norm(x), tokens->weight).flatten(0, 1);
  }
};
TORCH_MODULE(Gpt2);

/// 784-2048-2048-10, rectified: its batches take long enough to copy that hiding the copy shows.
struct WideMlpImpl : torch::nn::Module {
  torch::nn::Linear first{784, 2048}, second{2048, 2048}, third{2048, 10};

  WideMlpImpl() {
    register_module("first", first);
    register_module("second", second);
    register_module("third", third);
  }
  torch::Tensor forward(const torch::Tensor& x) { return third(torch::relu(second(torch::relu(first(x.flatten(1)))))); }
};
TORCH_MODULE(WideMlp);

/// Any of the networks, so that all trainers of one recipe are one type.
class Network : public torch::nn::Module {
 public:
  template <class Holder>
  explicit Network(Holder network)
      : forward_([own = network.ptr()](const torch::Tensor& x) { return own->forward(x); }),
        inner_(register_module("network", network.ptr())) {}

  torch::Tensor forward(const torch::Tensor& x) { return forward_(x); }
  [[nodiscard]] torch::nn::Module& inner() { return *inner_; }

 private:
  std::function<torch::Tensor(const torch::Tensor&)> forward_;
  std::shared_ptr<torch::nn::Module> inner_;
};

using LossFunction = torch::Tensor (*)(const torch::Tensor& output, const torch::Tensor& target);
template <class Loss>
torch::Tensor call_loss(const torch::Tensor& output, const torch::Tensor& target) {
  return Loss{}(output, target);
}

/// A workload. `few` and `many` are the steps of the two runs whose difference is timed. All that are not trained by
/// SGD are by AdamW, which without decay is Adam.
struct Task {
  std::string_view name;
  std::int64_t batch_size, few, many;
  bool is_sgd;
  double weight_decay, max_norm;  ///< `max_norm` 0: gradients are used as they are.
  bool cosine;                    ///< The learning rate falls to 0 along half a cosine within a run.
  bool bf16;
  LossFunction loss;
  std::function<std::shared_ptr<Network>()> make;
  Gpt2Shape shape = {};  ///< Of `gpt2` alone.
};

template <class Workload>
Task task_of(std::int64_t few, std::int64_t many) {
  Task task{.name = Workload::name,
            .batch_size = Workload::batch_size,
            .few = few,
            .many = many,
            .is_sgd = Workload::rule == Rule::sgd,
            .weight_decay = 0.0,
            .max_norm = Workload::max_norm,
            .cosine = Workload::cosine,
            .bf16 = false,
            .loss = &call_loss<typename Workload::Loss>,
            .make = [] { return std::make_shared<Network>(make_model<Workload>()); }};
  if constexpr (Workload::rule == Rule::adamw) task.weight_decay = Workload::weight_decay;
  return task;
}

inline Task gpt2_task(bool tiny) {
  Gpt2Shape shape;
  if (tiny) shape = {.layers = 2, .width = 32, .heads = 2, .context = 16, .vocabulary = 64};
  return {.name = "gpt2",
          .batch_size = tiny ? 2 : 16,
          .few = tiny ? 2 : 5,
          .many = tiny ? 6 : 20,
          .is_sgd = false,
          .weight_decay = 0.1,
          .max_norm = 0.0,
          .cosine = false,
          .bf16 = true,
          .loss = &call_loss<CharacterLoss>,
          .make =
              [shape] {
                torch::manual_seed(settings::seed);
                return std::make_shared<Network>(Gpt2(shape));
              },
          .shape = shape};
}

inline Task wide_task(bool tiny) {
  return {.name = "wide_mlp",
          .batch_size = tiny ? 8 : 1024,
          .few = tiny ? 2 : 30,
          .many = tiny ? 6 : 180,
          .is_sgd = true,
          .weight_decay = 0.0,
          .max_norm = 0.0,
          .cosine = false,
          .bf16 = false,
          .loss = &call_loss<ClassLoss>,
          .make = [] {
            torch::manual_seed(settings::seed);
            return std::make_shared<Network>(WideMlp());
          }};
}

/// `tiny`: of few steps, and small where the network has a size, to try the program out.
inline Task task_named(std::string_view name, bool tiny) {
  const auto steps = [tiny](std::int64_t few, std::int64_t many) {
    return tiny ? std::pair<std::int64_t, std::int64_t>{2, 6} : std::pair{few, many};
  };
  const auto make = [&]<class Workload>(std::int64_t few, std::int64_t many) {
    const auto [short_run, long_run] = steps(few, many);
    return task_of<Workload>(short_run, long_run);
  };
  if (name == "mnist_mlp") return make.operator()<MnistMlpWorkload>(100, 1100);
  if (name == "surrogate") return make.operator()<SurrogateWorkload>(100, 1100);
  if (name == "mnist_cnn") return make.operator()<MnistCnnWorkload>(50, 550);
  if (name == "char_gpt") return make.operator()<CharGptWorkload>(50, 350);
  if (name == "gpt2") return gpt2_task(tiny);
  if (name == "wide_mlp") return wide_task(tiny);
  throw std::invalid_argument("There is no workload " + std::string(name) +
                              ". Give mnist_mlp, surrogate, mnist_cnn, char_gpt, gpt2 or wide_mlp.");
}
