// SPDX-License-Identifier: Apache-2.0
/// The workloads: the four workloads of benchmarks/baseline, a network with the shape of GPT-2, and a wide MLP with
/// large batches. torch_loops.py is the same in Python.
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

#include "../baseline/workloads.hpp"

/// The sizes of a GPT-2 network.
struct Gpt2Shape {
  std::int64_t layers = 12, width = 768, heads = 12, context = 1024;
  std::int64_t vocabulary = 50304;  ///< 50257 of GPT-2, rounded up to a multiple of 128.
};

/// Computes a linear layer as Python does. `torch::nn::Linear` adds the bias to three-dimensional inputs in a separate
/// kernel.
inline torch::Tensor apply_linear(const torch::nn::Linear& layer, const torch::Tensor& x) {
  return torch::linear(x, layer->weight, layer->bias);
}

/// A transformer block with pre-normalization.
struct Gpt2BlockImpl : torch::nn::Module {
  std::int64_t heads;
  torch::nn::LayerNorm norm1;
  torch::nn::Linear qkv, out;
  torch::nn::LayerNorm norm2;
  torch::nn::Linear up, down;

  explicit Gpt2BlockImpl(const Gpt2Shape& shape)
      : heads(shape.heads),
        norm1(torch::nn::LayerNormOptions({shape.width})),
        qkv(shape.width, 3 * shape.width),
        out(shape.width, shape.width),
        norm2(torch::nn::LayerNormOptions({shape.width})),
        up(shape.width, 4 * shape.width),
        down(4 * shape.width, shape.width) {
    register_module("norm1", norm1);
    register_module("qkv", qkv);
    register_module("out", out);
    register_module("norm2", norm2);
    register_module("up", up);
    register_module("down", down);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const auto batch = x.size(0), length = x.size(1), width = x.size(2);
    const auto parts =
        apply_linear(qkv, norm1(x)).view({batch, length, 3, heads, width / heads}).permute({2, 0, 3, 1, 4}).unbind();
    const auto attended =
        at::scaled_dot_product_attention(parts[0], parts[1], parts[2], {}, /*dropout_p=*/0.0, /*is_causal=*/true);
    const auto h = x + apply_linear(out, attended.transpose(1, 2).reshape({batch, length, width}));
    return h + apply_linear(down, torch::gelu(apply_linear(up, norm2(h)), "tanh"));
  }
};
TORCH_MODULE(Gpt2Block);

/// GPT-2 without dropout: 124.5 million parameters with the default sizes. The token embedding and the last layer share
/// their weights.
///
/// **Source** A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.
struct Gpt2Impl : torch::nn::Module {
  torch::nn::Embedding token, position;
  torch::nn::ModuleList blocks;
  torch::nn::LayerNorm norm;

  explicit Gpt2Impl(const Gpt2Shape& shape)
      : token(shape.vocabulary, shape.width),
        position(shape.context, shape.width),
        norm(torch::nn::LayerNormOptions({shape.width})) {
    register_module("token", token);
    register_module("position", position);
    register_module("blocks", blocks);
    register_module("norm", norm);
    for (std::int64_t layer = 0; layer < shape.layers; ++layer) blocks->push_back(Gpt2Block(shape));
    const torch::NoGradGuard no_grad;
    const double residual = 0.02 / std::sqrt(2.0 * static_cast<double>(shape.layers));
    for (auto& item : named_parameters()) {
      const auto& name = item.key();
      if (item->dim() >= 2) {
        item->normal_(0.0, name.ends_with("out.weight") || name.ends_with("down.weight") ? residual : 0.02);
      } else if (name.ends_with("bias")) {
        item->zero_();
      }
    }
  }
  /// Maps `[batch, context]` to `[batch * context, vocabulary]`.
  torch::Tensor forward(const torch::Tensor& text) {
    auto x = token(text) + position->weight.narrow(0, 0, text.size(1));
    for (const auto& block : *blocks) x = block->as<Gpt2BlockImpl>()->forward(x);
    return torch::linear(norm(x), token->weight).flatten(0, 1);
  }
};
TORCH_MODULE(Gpt2);

/// An MLP 784-2048-2048-10 with ReLU. Copying a batch to the device takes a measurable part of a step.
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

/// A type-erased network, so that trainers with the same policies have the same type.
class Network : public torch::nn::Module {
 public:
  template <class Holder>
  explicit Network(Holder network)
      : forward_([model = network.ptr()](const torch::Tensor& x) { return model->forward(x); }),
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

/// A workload. The time per step is measured as the difference between runs of `many` and of `few` steps. The optimizer
/// is SGD or AdamW, which is Adam if `weight_decay` is 0.
struct Task {
  std::string_view name;
  std::int64_t batch_size, few, many;
  bool is_sgd;
  double weight_decay, max_norm;  ///< `max_norm` 0: no gradient clipping.
  bool cosine;                    ///< Cosine annealing of the learning rate to 0 within a run.
  bool bf16;
  LossFunction loss;
  std::function<std::shared_ptr<Network>()> make;
  Gpt2Shape shape = {};  ///< The sizes of `gpt2`.
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

/// Returns the workload with this name. `tiny` reduces the steps and the sizes for tests.
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
                              ". Pass mnist_mlp, surrogate, mnist_cnn, char_gpt, gpt2 or wide_mlp.");
}
