// SPDX-License-Identifier: Apache-2.0
/// Brings models and batches into the memory format that a policy asks for.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include "hone/data/batch.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/policies/memory_format.hpp"

namespace hone {

/// The tensor in the policy's format; itself when it is so, or when it has another number of dimensions.
template <ArrangesTensors Format>
[[nodiscard]] at::Tensor arranged_tensor(const at::Tensor& tensor) {
  return tensor.defined() && tensor.dim() == Format::num_dims ? tensor.contiguous(Format::format) : tensor;
}

/// The batch with such tensors.
template <ArrangesTensors Format, HoldsTensors Batch>
[[nodiscard]] auto arranged_batch(const Batch& batch) {
  return map_tensors(batch, &arranged_tensor<Format>);
}

/// Arranges a model's parameters and buffers, as far as it names them. They stay the tensors that they are.
template <ArrangesTensors Format, class Model>
void arrange_model(Model& model) {
  const at::NoGradGuard no_gradients;
  if constexpr (requires { model.named_parameters(); }) {
    for (const auto& [name, parameter] : named_parameters(model)) {
      parameter.set_data(arranged_tensor<Format>(parameter));
    }
  }
  if constexpr (requires { model.buffers(); }) {
    for (const at::Tensor& buffer : model.buffers()) {
      if (buffer.defined()) buffer.set_data(arranged_tensor<Format>(buffer));
    }
  }
}

}  // namespace hone
