// SPDX-License-Identifier: Apache-2.0
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

#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/exported/exported_loss.hpp"
#include "hone/exported/exported_model.hpp"
#include "hone/exported/package.hpp"

namespace hone {

namespace detail {

HONE_INLINE CompiledStep::CompiledStep(const std::filesystem::path& path, const std::string& name) : path_(path) {
  try {
    loader_ = std::make_unique<torch::inductor::AOTIModelPackageLoader>(path.string(), name,
                                                                        /*run_single_threaded=*/true);
  } catch (const std::exception& error) {
    throw DataError(format_message(
        "{}: its compiled step cannot be loaded: {}. Check that the directory of temporary files (TMPDIR) is "
        "writable, or export it again.",
        {path.string(), first_line(error.what())}));
  }
}

HONE_INLINE std::vector<at::Tensor> CompiledStep::operator()(const std::vector<at::Tensor>& inputs) {
  const at::AutoDispatchBelowADInplaceOrView without_graph;
  try {
    return loader_->get_runner()->run(inputs);
  } catch (const std::exception&) {
    std::throw_with_nested(DataError(
        format_message("The exported step of {} failed on this batch; LibTorch printed the reason. Check that "
                       "class labels are from 0 to the number of classes minus 1.",
                       {path_.string()})));
  }
}

}  // namespace detail

HONE_INLINE ExportedModelImpl::ExportedModelImpl(const std::filesystem::path& path)
    : ExportedModelImpl(read_exported_package(path), path) {}

HONE_INLINE void ExportedModelImpl::hand_over_gradients(double share) {
  if (results_.empty()) {
    throw std::logic_error(
        "The ExportedModel has no gradients, because it computes them in training mode only. Call model->train().");
  }
  for (const auto& [input, result, shares_memory] : gradients_) {
    const at::Tensor& parameter = inputs_[input];
    if (!parameter.requires_grad()) continue;
    at::Tensor& held = parameter.mutable_grad();
    at::Tensor& fresh = results_[result];
    if (held.defined()) {
      held.add_(fresh, share);
      continue;
    }
    if (shares_memory) fresh = fresh.clone();
    held = share == 1.0 ? std::move(fresh) : fresh.mul_(share);
  }
  results_.clear();
}

HONE_INLINE void ExportedModelImpl::train(bool on) {
  for (std::size_t i = 0; on && i < package_.tensors.size(); ++i) {
    const auto& tensor = package_.tensors[i];
    if (tensor.is_parameter && !tensor.is_trained && tensor.value.requires_grad()) {
      throw std::invalid_argument(format_message(
          "The parameter '{}' was frozen when the model was exported, so its gradient is not computed. Freeze "
          "it, or export the model with it unfrozen.",
          {tensor.name}));
    }
  }
  torch::nn::Module::train(on);
}

HONE_INLINE void ExportedModelImpl::to(torch::Device device, torch::Dtype dtype, bool non_blocking) {
  to(device, non_blocking);
  to(dtype, non_blocking);
}

HONE_INLINE void ExportedModelImpl::to(torch::Dtype dtype, bool) {
  for (const auto& tensor : package_.tensors) {
    if (!tensor.value.is_floating_point() || tensor.value.scalar_type() == dtype) continue;
    throw std::invalid_argument(format_message(
        "An ExportedModel keeps the dtype of its parameters and cannot be converted to {}. Export it with that dtype.",
        {c10::toString(dtype)}));
  }
}

HONE_INLINE void ExportedModelImpl::to(torch::Device device, bool) {
  if (device.is_cpu()) return;
  throw std::invalid_argument(format_message(
      "An ExportedModel is compiled for the CPU and cannot be moved to {}. Remove the device policy.", {device.str()}));
}

HONE_INLINE ExportedModelImpl::ExportedModelImpl(ExportedPackage package, const std::filesystem::path& path)
    : torch::nn::Module(package.parts.front().type),
      package_(std::move(package)),
      train_(path, "train"),
      eval_(path, "eval") {
  std::map<std::string, torch::nn::Module*> parts{{"", this}};
  for (const auto& part : package_.parts) {
    if (!part.path.empty()) {
      const auto dot = part.path.rfind('.');
      auto* parent = parts.at(dot == std::string::npos ? "" : part.path.substr(0, dot));
      parts[part.path] = parent
                             ->register_module(dot == std::string::npos ? part.path : part.path.substr(dot + 1),
                                               std::make_shared<detail::ExportedModule>(part.type))
                             .get();
    }
    auto& module = *parts.at(part.path);
    for (const auto& [name, place] : part.parameters) {
      module.register_parameter(name, package_.tensors[place].value, package_.tensors[place].is_trained);
    }
    for (const auto& [name, place] : part.buffers) module.register_buffer(name, package_.tensors[place].value);
  }
  for (const auto& tensor : package_.tensors) {
    if (tensor.gradient > 0) gradients_.push_back({inputs_.size(), tensor.gradient, tensor.shares_memory});
    inputs_.push_back(tensor.value);
  }
  inputs_.resize(inputs_.size() + package_.inputs.size());
}

HONE_INLINE ExportedModelImpl::LossAndOutputs ExportedModelImpl::run(std::span<const at::Tensor* const> batch) {
  put(batch);
  results_.clear();
  if (!is_training()) {
    auto results = eval_(inputs_);
    return {std::move(results[0]), std::move(results[1])};
  }
  results_ = train_(inputs_);
  LossAndOutputs learned{std::move(results_[0]), {}};
  if (package_.has_outputs) learned.outputs = std::move(results_.back());
  return learned;
}

HONE_INLINE at::Tensor ExportedModelImpl::outputs_of(std::span<const at::Tensor* const> batch) {
  if (is_training()) {
    throw std::logic_error(
        "An ExportedModel returns outputs in evaluation mode only. Call model->eval(), or trainer.predict.");
  }
  if (batch.size() > 1 && batch.front()->dim() > 0) {  // the compiled step computes a loss from a target
    const auto& expected = package_.inputs.back();
    std::vector<std::int64_t> shape{batch.front()->size(0)};
    shape.insert(shape.end(), expected.shape.begin(), expected.shape.end());
    if (!no_target_.defined() || no_target_.sizes() != shape) no_target_ = at::zeros(shape, expected.type);
  }
  put(batch);
  return eval_(inputs_)[1];
}

HONE_INLINE at::Tensor ExportedModelImpl::dense(const at::Tensor& part) {
  return part.resolve_conj().resolve_neg().contiguous();
}

HONE_INLINE void ExportedModelImpl::put(std::span<const at::Tensor* const> batch) {
  const std::size_t first = package_.tensors.size();
  if (batch.size() != package_.inputs.size()) refuse_count(batch.size());
  const std::int64_t size = batch[0]->dim() > 0 ? batch[0]->size(0) : 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const at::Tensor& part = *batch[i];
    const auto& expected = package_.inputs[i];
    if (part.scalar_type() != expected.type || part.dim() == 0 || part.size(0) != size || size < package_.min_batch ||
        part.sizes().slice(1) != at::IntArrayRef(expected.shape) || !part.device().is_cpu()) [[unlikely]] {
      refuse(part, expected, size);
    }
    inputs_[first + i] = part.is_contiguous() && !part.is_neg() && !part.is_conj() ? part : dense(part);
  }
  for (std::size_t i = 0; i < first; ++i) {
    if (!inputs_[i].is_contiguous()) [[unlikely]]
      refuse_layout(i);
  }
}

HONE_INLINE void ExportedModelImpl::refuse_count(std::size_t count) const {
  std::vector<std::string> names;
  for (const auto& input : package_.inputs) names.push_back(input.name);
  throw DataError(
      format_message("The batch has {} tensors including its target, and the exported step expects {}: {}. Pass these "
                     "tensors in this order.",
                     {count, names.size(), joined(names, ", ")}));
}

HONE_INLINE void ExportedModelImpl::refuse(const at::Tensor& part, const ExportedInput& expected,
                                           std::int64_t size) const {
  const auto text = [](at::ScalarType type, const std::vector<std::int64_t>& shape, const std::string& batch) {
    return format_message(
        "{} [{}{}{}]", {c10::toString(type), batch, shape.empty() || batch.empty() ? "" : ", ", joined(shape, ", ")});
  };
  if (size < package_.min_batch && part.dim() > 0) {
    throw DataError(
        format_message("The batch has {} samples, and the exported step expects at least {}. Set .drop_last = true or "
                       "another batch size.",
                       {size, package_.min_batch}));
  }
  throw DataError(format_message(
      "'{}' of the batch is {}{}, and the exported step expects {}. Pass such a tensor, or export the model "
      "for this batch.",
      {expected.name, text(part.scalar_type(), part.sizes().vec(), ""),
       part.device().is_cpu() ? "" : " on " + part.device().str(),
       text(expected.type, expected.shape, size > 0 ? format_message("{}", {size}) : "batch")}));
}

HONE_INLINE void ExportedModelImpl::refuse_layout(std::size_t i) const {
  throw std::logic_error(
      format_message("The memory layout of '{}' differs from its layout at export. Remove the memory format policy.",
                     {package_.tensors[i].name}));
}

}  // namespace hone
