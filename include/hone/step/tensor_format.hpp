// SPDX-License-Identifier: Apache-2.0
/// Conversion of models and batches to the memory format and the number format of policies.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include "hone/data/batch.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/policies/memory_format.hpp"
#include "hone/policies/precision.hpp"

namespace hone {

/// True if any of the policies converts tensors.
template <class... Policies>
inline constexpr bool arranges = ((HasMemoryFormat<Policies> || ConvertsTensors<Policies>) || ...);

namespace detail {

template <class P>
void arrange(at::Tensor& tensor) {
  if constexpr (HasMemoryFormat<P>) {
    if (tensor.dim() == P::num_dims) tensor = tensor.contiguous(P::format);
  } else if constexpr (ConvertsTensors<P>) {
    if (tensor.is_floating_point()) tensor = tensor.to(P::dtype);
  }
}

}  // namespace detail

/// Returns the tensor in the formats of the policies. Returns the same tensor if nothing has to be converted.
template <class... Policies>
[[nodiscard]] at::Tensor arranged_tensor(const at::Tensor& tensor) {
  at::Tensor result = tensor;
  if (tensor.defined()) (detail::arrange<Policies>(result), ...);
  return result;
}

/// Returns the batch with its tensors in the formats of the policies. Copies a batch without tensors.
///
/// **Errors** at compile time, one message, for a type that may contain tensors that hone does not find.
template <class... Policies, class Batch>
[[nodiscard]] OwnedBatch<Batch> arranged_batch(const Batch& batch) {
  if constexpr (HoldsTensors<Batch>) {
    return map_tensors(batch, &arranged_tensor<Policies...>);
  } else {
    static_assert(detail::checked_batch<Batch>);
    return batch;
  }
}

/// Converts the buffers, and the parameters that `named_parameters` returns, of a model or a loss. Replaces their data
/// in place, so that handles to them stay valid.
template <class... Policies, class Model>
void arrange_model(Model& model) {
  const at::NoGradGuard no_gradients;
  if constexpr (requires { model.named_parameters(); }) {
    for (const auto& [name, parameter] : named_parameters(model)) {
      parameter.set_data(arranged_tensor<Policies...>(parameter));
    }
  }
  for (const at::Tensor& buffer : buffers_of(model)) buffer.set_data(arranged_tensor<Policies...>(buffer));
}

}  // namespace hone
