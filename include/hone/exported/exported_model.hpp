// SPDX-License-Identifier: Apache-2.0
/// A model that is written in Python, exported once with scripts/export_step.py, and trained without Python.
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

  /// Runs the function without autograd, so that the inputs may be parameters.
  std::vector<at::Tensor> operator()(const std::vector<at::Tensor>& inputs);

 private:
  std::filesystem::path path_;
  std::unique_ptr<torch::inductor::AOTIModelPackageLoader> loader_;
};

/// A submodule of an exported model. It only names parameters and buffers; the compiled steps contain its computation.
struct ExportedModule : torch::nn::Module {
  using torch::nn::Module::Module;
};

}  // namespace detail

/// The module behind an `ExportedModel`. Its parameters, buffers and submodules have the same names and order as in
/// Python. Setting the mode of a submodule has no effect: its mode was fixed at export.
class ExportedModelImpl : public torch::nn::Module, public detail::ExportedRequirements {
 public:
  /// The results of a compiled step.
  struct LossAndOutputs {
    at::Tensor loss;     ///< A scalar.
    at::Tensor outputs;  ///< Undefined in training when the model was exported without outputs.
  };

  /// Reads a package.
  /// **Errors** `DataError` for a package that cannot be used, see `read_exported_package`.
  explicit ExportedModelImpl(const std::filesystem::path& path);

  /// Returns the outputs in evaluation mode, without autograd.
  ///
  /// **Errors** `std::logic_error` in training mode; `DataError` as `loss_and_outputs`.
  template <std::same_as<at::Tensor>... Inputs>
  at::Tensor forward(const Inputs&... inputs) {
    return outputs_of(std::array<const at::Tensor*, sizeof...(Inputs) + 1>{&inputs..., &no_target_});
  }

  /// Returns the loss and the outputs of a batch. In training mode, also computes the gradients for
  /// `hand_over_gradients` and updates the buffers.
  ///
  /// **Errors** `DataError` for a batch that does not match `inputs()`, and for a batch on which the step fails. A step
  /// that fails can have updated the buffers, as the forward pass of a module.
  template <std::same_as<at::Tensor>... Inputs>
  LossAndOutputs loss_and_outputs(const at::Tensor& target, const Inputs&... inputs) {
    return run(std::array<const at::Tensor*, sizeof...(Inputs) + 1>{&inputs..., &target});
  }

  /// Accumulates the gradients of the last call of `loss_and_outputs`, times `share`, in the parameters: moves a
  /// gradient into a parameter without one, adds it otherwise. Skips parameters that have been frozen since.
  ///
  /// **Errors** `std::logic_error` unless that call was in training mode and its gradients have not been used.
  void hand_over_gradients(double share);

  using torch::nn::Module::train;
  /// Switches between training and evaluation mode.
  /// **Errors** `std::invalid_argument` when `on` and a parameter that was frozen at export requires a gradient.
  void train(bool on = true) override;

  /// Changes nothing, because the steps are compiled for one device and dtype.
  /// **Errors** `std::invalid_argument` for a device other than the CPU, and for a change of a floating-point dtype.
  void to(torch::Device device, torch::Dtype dtype, bool non_blocking = false) override;
  void to(torch::Dtype dtype, bool = false) override;
  void to(torch::Device device, bool = false) override;

  /// Returns the expected tensors of a batch; the target is the last.
  [[nodiscard]] std::span<const ExportedInput> inputs() const { return package_.inputs; }

 private:
  struct Gradient {
    std::size_t input, result;
    bool shares_memory;
  };

  ExportedModelImpl(ExportedPackage package, const std::filesystem::path& path);

  LossAndOutputs run(std::span<const at::Tensor* const> batch);

  at::Tensor outputs_of(std::span<const at::Tensor* const> batch);

  /// Returns `part` as contiguous memory, conjugated and negated as its flags require: compiled steps read raw memory.
  [[gnu::noinline]] static at::Tensor dense(const at::Tensor& part);
  /// Checks the batch and stores it after the model's tensors.
  void put(std::span<const at::Tensor* const> batch);

  [[noreturn, gnu::noinline]] void refuse_count(std::size_t count) const;
  [[noreturn, gnu::noinline]] void refuse(const at::Tensor& part, const ExportedInput& expected,
                                          std::int64_t size) const;
  [[noreturn, gnu::noinline]] void refuse_layout(std::size_t i) const;

  ExportedPackage package_;
  detail::CompiledStep train_, eval_;
  std::vector<at::Tensor> inputs_;  // the model's tensors, then the batch
  std::vector<Gradient> gradients_;
  std::vector<at::Tensor> results_;  // of the last training step, until its gradients are used
  at::Tensor no_target_;
};

/// A model for a trainer, loaded from a file of scripts/export_step.py. Copies share the model.
///
/// **Cost** per step: one call that computes loss and gradients without autograd. Gradients in shared memory are
/// copied.
/// **Errors** `DataError` for a file that cannot be used; see `read_exported_package`. The file contains machine code
/// that is executed: use files from trusted sources only.
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
