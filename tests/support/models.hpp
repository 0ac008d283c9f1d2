// SPDX-License-Identifier: Apache-2.0
/// A small network, its data, and helpers for tests of the trainer.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "hone/data/tensor_dataset.hpp"

namespace tiny {

using torch::Tensor;
using Batch = std::pair<Tensor, Tensor>;

/// A network 3 -> 5 -> 2 with fixed initial weights.
struct NetImpl : torch::nn::Module {
  NetImpl() {
    const torch::NoGradGuard no_gradients;
    double k = 0.0;
    for (auto& parameter : parameters()) {
      k += 1.0;
      parameter.copy_((torch::arange(parameter.numel()) * 0.7 + k).sin().mul_(0.5).reshape(parameter.sizes()));
    }
  }
  Tensor forward(const Tensor& inputs) { return second(torch::tanh(first(inputs))); }

  torch::nn::Linear first = register_module("first", torch::nn::Linear(3, 5));
  torch::nn::Linear second = register_module("second", torch::nn::Linear(5, 2));
};
TORCH_MODULE(Net);

inline Tensor inputs(std::int64_t samples = 12) {
  return (torch::arange(samples * 3) * 0.37).cos().reshape({samples, 3}).contiguous();
}
inline Tensor labels(std::int64_t samples = 12) { return torch::arange(samples).remainder(2); }
inline hone::TensorDataset<Batch> dataset(std::int64_t samples = 12) { return {inputs(samples), labels(samples)}; }

/// Returns the same data as batches, in order.
inline std::vector<Batch> batches(std::int64_t count, std::int64_t size = 4) {
  std::vector<Batch> all;
  for (std::int64_t i = 0; i < count; ++i) {
    all.emplace_back(inputs(count * size).slice(0, i * size, (i + 1) * size),
                     labels(count * size).slice(0, i * size, (i + 1) * size));
  }
  return all;
}

/// Returns copies of a model's parameters.
template <class Model>
std::vector<Tensor> weights(const Model& model) {
  std::vector<Tensor> copies;
  for (const auto& parameter : model->parameters()) copies.push_back(parameter.detach().clone());
  return copies;
}

inline bool equal(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  bool same = a.size() == b.size();
  for (std::size_t i = 0; same && i < a.size(); ++i) same = torch::equal(a[i], b[i]);
  return same;
}

/// Returns the largest absolute difference between two lists of tensors.
inline double distance(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, (a[i] - b[i]).abs().max().item<double>());
  return largest;
}

template <class Model>
bool has_gradients(const Model& model) {
  for (const auto& parameter : model->parameters()) {
    if (parameter.grad().defined()) return true;
  }
  return false;
}

/// Returns the message of the exception of type `E` that `f` throws, or an empty string if it does not throw one.
template <class E, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  } catch (...) {
    return {};
  }
  return {};
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace tiny
