// SPDX-License-Identifier: Apache-2.0
/// Recomputation of batch norm statistics, for weights that were averaged.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <functional>
#include <tuple>
#include <utility>
#include <vector>

#include "hone/data/batch.hpp"
#include "hone/finetune/layers.hpp"

namespace hone {

namespace detail {

/// Calls `f(norm)` if the module is a `BatchNorm1dImpl`, `BatchNorm2dImpl` or `BatchNorm3dImpl`.
template <class F>
void with_batch_norm(torch::nn::Module& module, F&& f) {
  if (auto* const one = dynamic_cast<torch::nn::BatchNorm1dImpl*>(&module)) f(*one);
  if (auto* const two = dynamic_cast<torch::nn::BatchNorm2dImpl*>(&module)) f(*two);
  if (auto* const three = dynamic_cast<torch::nn::BatchNorm3dImpl*>(&module)) f(*three);
}

/// RAII: sets a model to training mode, resets its running statistics and averages them over batches of equal weight.
/// The destructor restores modes and momenta.
class NormRefresh {
 public:
  explicit NormRefresh(torch::nn::Module& model) {
    for (auto& node : nodes_of(model)) {
      modes_.emplace_back(node.module, node.module->is_training());
      with_batch_norm(*node.module, [this](auto& norm) {
        norm.reset_running_stats();
        momenta_.push_back([&norm, before = norm.options.momentum()] { norm.options.momentum(before); });
        norm.options.momentum(std::nullopt);
      });
    }
    model.train();
  }
  ~NormRefresh() {
    for (const auto& restore : momenta_) restore();
    for (const auto& [module, mode] : modes_) module->train(mode);  // recursive, so containers first
  }
  NormRefresh(const NormRefresh&) = delete;
  NormRefresh& operator=(const NormRefresh&) = delete;

 private:
  std::vector<std::pair<torch::nn::Module*, bool>> modes_;
  std::vector<std::function<void()>> momenta_;
};

inline bool has_batch_norm(torch::nn::Module& model) {
  for (const auto& node : nodes_of(model)) {
    bool is_one = false;
    with_batch_norm(*node.module, [&](const auto&) { is_one = true; });
    if (is_one) return true;
  }
  return false;
}

}  // namespace detail

/// Recomputes the running mean and variance of every `torch::nn::BatchNorm1d`, `2d` and `3d` as the mean over the
/// batches of one pass. Call it after weights were averaged. Targets are ignored; inputs are moved to the device of the
/// first parameter. Modes and momenta are restored, also after an exception. A model without batch norms is not called.
///
/// **Cost** a forward pass in training mode, without gradients, for each batch.
/// **Errors** the exceptions of the model and the batches; the statistics then cover the earlier batches.
/// **Source** `torch.optim.swa_utils.update_bn`.
/// **Example** `hone::update_bn(batches, model);`
template <class Batches, ModuleHandle Model>
void update_bn(Batches&& batches, Model& model) {
  auto& target = detail::behind(model);
  if (!detail::has_batch_norm(target)) return;
  const at::NoGradGuard no_gradients;
  const detail::NormRefresh refresh(target);
  const auto parameters = target.parameters();
  const auto moved = [&](const auto& input) {
    if (parameters.empty()) return input;
    return map_tensors(input, [&](const at::Tensor& tensor) { return tensor.to(parameters.front().device()); });
  };
  for (auto&& batch : batches) {
    std::apply([&](const auto&... inputs) { target.forward(moved(inputs)...); }, inputs_of(batch));
  }
}

}  // namespace hone
