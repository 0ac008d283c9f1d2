// SPDX-License-Identifier: Apache-2.0
/// A model that was written in Python, exported once with scripts/export_step.py, and trains here without Python.
#pragma once

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/exported/exported_loss.hpp"
#include "hone/exported/package.hpp"

namespace hone {

namespace detail {

/// One of the compiled functions of a package.
class CompiledStep {
 public:
  CompiledStep(const std::filesystem::path& path, const std::string& name);

  /// The inputs may be parameters: no graph is recorded.
  std::vector<at::Tensor> operator()(const std::vector<at::Tensor>& inputs);

 private:
  std::filesystem::path path_;
  std::unique_ptr<torch::inductor::AOTIModelPackageLoader> loader_;
};

/// A part of an exported model: a place for names. What it computes is in the compiled steps.
struct ExportedModule : torch::nn::Module {
  using torch::nn::Module::Module;
};

}  // namespace detail

/// The module behind an `ExportedModel`. Its parameters, buffers and parts have the names and the order that they have
/// in Python. Modes of its parts have no effect: they are what they were when it was exported.
class ExportedModelImpl : public torch::nn::Module, public detail::ExportedCompany {
 public:
  struct LossAndOutputs {
    at::Tensor loss;
    at::Tensor outputs;  ///< Undefined in training when the model was exported without outputs.
  };

  /// **Errors** `DataError` for a package that cannot be used, see `read_exported_package`.
  explicit ExportedModelImpl(const std::filesystem::path& path);

  /// The outputs in evaluation mode, without a graph.
  ///
  /// **Errors** `std::logic_error` in training mode; those of `loss_and_outputs`.
  template <std::same_as<at::Tensor>... Inputs>
  at::Tensor forward(const Inputs&... inputs) {
    return outputs_of(std::array<const at::Tensor*, sizeof...(Inputs) + 1>{&inputs..., &no_target_});
  }

  /// In training mode the gradients are computed too, for `hand_over_gradients`, and buffers move on; in evaluation
  /// mode neither.
  ///
  /// **Errors** `DataError` for a batch that does not fit and for one that the step fails on.
  template <std::same_as<at::Tensor>... Inputs>
  LossAndOutputs loss_and_outputs(const at::Tensor& target, const Inputs&... inputs) {
    return run(std::array<const at::Tensor*, sizeof...(Inputs) + 1>{&inputs..., &target});
  }

  /// Gives the parameters the gradients of the last call of `loss_and_outputs`, times `share`: the first ones are moved
  /// in, later ones are added. Parameters that have been frozen since get none.
  ///
  /// **Errors** `std::logic_error` when none wait.
  void hand_over_gradients(double share);

  using torch::nn::Module::train;
  /// **Errors** `std::invalid_argument` when a parameter was unfrozen that was frozen when the model was exported.
  void train(bool on = true) override;

  /// **Errors** `std::invalid_argument`: an exported step is compiled for one device and its number formats.
  void to(torch::Device device, torch::Dtype dtype, bool non_blocking = false) override;
  void to(torch::Dtype dtype, bool = false) override;
  void to(torch::Device device, bool = false) override;

  /// What its batches are made of; the target is the last.
  [[nodiscard]] std::span<const ExportedInput> inputs() const { return package_.inputs; }

 private:
  struct Gradient {
    std::size_t input, result;
    bool shares_memory;
  };

  ExportedModelImpl(ExportedPackage package, const std::filesystem::path& path);

  LossAndOutputs run(std::span<const at::Tensor* const> batch);

  at::Tensor outputs_of(std::span<const at::Tensor* const> batch);

  /// The compiled step reads memory: it has to hold the values, in their order.
  [[gnu::noinline]] static at::Tensor dense(const at::Tensor& part);
  /// Puts the batch behind the model's tensors.
  void put(std::span<const at::Tensor* const> batch);

  [[noreturn, gnu::noinline]] void refuse_count(std::size_t count) const;
  [[noreturn, gnu::noinline]] void refuse(const at::Tensor& part, const ExportedInput& expected,
                                          std::int64_t size) const;
  [[noreturn, gnu::noinline]] void refuse_layout(std::size_t i) const;

  ExportedPackage package_;
  detail::CompiledStep train_, eval_;
  std::vector<at::Tensor> inputs_;  // the model's tensors, then the batch
  std::vector<Gradient> gradients_;
  std::vector<at::Tensor> results_;  // of the last training step: the gradients in them wait
  at::Tensor no_target_;
};

/// A model for a trainer, read from a file of scripts/export_step.py. Its copies are the same model.
///
/// **Cost** of a step: one call that computes loss and gradients; no graph is recorded, no gradient is copied.
/// **Errors** `DataError` for a file that cannot be used; see `read_exported_package`. The file holds machine code that
/// runs: take it only from whom you trust.
/// **Example**
/// ```
/// auto trainer = hone::Trainer{hone::ExportedModel{"model.pt2"}, hone::ExportedLoss{}, hone::AdamW{.lr = 1e-3}};
/// trainer.train(train_set, {.num_epochs = 8});
/// ```
class ExportedModel : public torch::nn::ModuleHolder<ExportedModelImpl> {
 public:
  using torch::nn::ModuleHolder<ExportedModelImpl>::ModuleHolder;
};

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/exported/exported_model.ipp"
#endif
