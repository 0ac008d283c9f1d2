// SPDX-License-Identifier: Apache-2.0
/// Recomputation of batch norm statistics, for weights that were averaged.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/format_message.hpp"
#include "hone/core/running_statistics.hpp"
#include "hone/data/batch.hpp"
#include "hone/finetune/layers.hpp"

namespace hone {

namespace detail {

/// The running statistics of one of LibTorch's batch norms.
template <class Norm>
class TorchStatistics final : public RunningStatistics {
 public:
  explicit TorchStatistics(Norm& norm) : norm_(norm) {}
  void reset_statistics() override { norm_.reset_running_stats(); }
  std::optional<double> exchange_momentum(std::optional<double> momentum) override {
    const auto before = norm_.options.momentum();
    norm_.options.momentum(momentum);
    return before;
  }

 private:
  Norm& norm_;
};

/// Returns the running statistics of a module; null if it is not a batch norm.
///
/// **Errors** `std::invalid_argument` for a custom batch norm that does not derive from `RunningStatistics`.
inline std::shared_ptr<RunningStatistics> statistics_of(const ModuleNode& node) {
  std::shared_ptr<RunningStatistics> statistics;
  const auto look_for = [&]<class Norm>(std::type_identity<Norm>) {
    if (auto* const norm = dynamic_cast<Norm*>(node.module))
      statistics = std::make_shared<TorchStatistics<Norm>>(*norm);
  };
  look_for(std::type_identity<torch::nn::BatchNorm1dImpl>());
  look_for(std::type_identity<torch::nn::BatchNorm2dImpl>());
  look_for(std::type_identity<torch::nn::BatchNorm3dImpl>());
  if (auto* const own = dynamic_cast<RunningStatistics*>(node.module)) {
    statistics = std::shared_ptr<RunningStatistics>(std::shared_ptr<void>(), own);
  }
  if (!statistics && node.is_batch_norm && node.is_leaf) {
    throw std::invalid_argument(format_message(
        "update_bn: the statistics of '{}' ({}) cannot be reset. Derive the class from hone::RunningStatistics.",
        {node.name, node.module->name()}));
  }
  return statistics;
}

/// Returns the running statistics of all batch norms of a model.
inline std::vector<std::shared_ptr<RunningStatistics>> all_statistics(torch::nn::Module& model) {
  std::vector<std::shared_ptr<RunningStatistics>> all;
  for (const auto& node : nodes_of(model)) {
    if (auto statistics = statistics_of(node)) all.push_back(std::move(statistics));
  }
  return all;
}

/// RAII: sets a model to training mode, resets its running statistics and averages them over batches of equal weight.
/// The destructor restores modes and momenta.
class NormRefresh {
 public:
  NormRefresh(torch::nn::Module& model, std::vector<std::shared_ptr<RunningStatistics>> norms)
      : norms_(std::move(norms)) {
    for (const auto& node : nodes_of(model)) modes_.emplace_back(node.module, node.module->is_training());
    for (const auto& norm : norms_) {
      norm->reset_statistics();
      momenta_.push_back(norm->exchange_momentum(std::nullopt));
    }
    model.train();
  }
  ~NormRefresh() {
    for (std::size_t i = 0; i < norms_.size(); ++i) norms_[i]->exchange_momentum(momenta_[i]);
    for (const auto& [module, mode] : modes_) module->train(mode);  // recursive, so containers first
  }
  NormRefresh(const NormRefresh&) = delete;
  NormRefresh& operator=(const NormRefresh&) = delete;

 private:
  std::vector<std::shared_ptr<RunningStatistics>> norms_;
  std::vector<std::optional<double>> momenta_;
  std::vector<std::pair<torch::nn::Module*, bool>> modes_;
};

}  // namespace detail

/// Recomputes the running mean and variance of every `torch::nn::BatchNorm1d`, `2d` and `3d`, and of every module that
/// derives from `RunningStatistics`, such as `SyncBatchNorm`, as the mean over the batches of one pass. Call it after
/// weights were averaged. Targets are ignored; inputs are moved to the device of the first parameter. Modes and momenta
/// are restored, also after an exception. A model without batch norms is not called.
///
/// **Cost** a forward pass in training mode, without gradients, for each batch.
/// **Errors** the exceptions of the model and the batches; the statistics then cover the earlier batches.
/// `std::invalid_argument` for a custom batch norm, by its name, that does not derive from `RunningStatistics`.
/// **Source** `torch.optim.swa_utils.update_bn`.
/// **Example** `hone::update_bn(batches, model);`
template <class Batches, ModuleHandle Model>
void update_bn(Batches&& batches, Model& model) {
  auto& target = detail::behind(model);
  auto norms = detail::all_statistics(target);
  if (norms.empty()) return;
  const at::NoGradGuard no_gradients;
  const detail::NormRefresh refresh(target, std::move(norms));
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
