// SPDX-License-Identifier: Apache-2.0
/// Brings models and batches into the memory format and the number format that policies ask for.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include "hone/data/batch.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/policies/memory_format.hpp"
#include "hone/policies/precision.hpp"

namespace hone {

/// Some of the policies want tensors otherwise than they come.
template <class... Policies>
inline constexpr bool arranges = ((ArrangesTensors<Policies> || ConvertsTensors<Policies>) || ...);

namespace detail {

template <class P>
void arrange(at::Tensor& tensor) {
  if constexpr (ArrangesTensors<P>) {
    if (tensor.dim() == P::num_dims) tensor = tensor.contiguous(P::format);
  } else if constexpr (ConvertsTensors<P>) {
    if (tensor.is_floating_point()) tensor = tensor.to(P::dtype);
  }
}

}  // namespace detail

/// The tensor as the policies want it; itself when it is so, or when it is none of those that they mean.
template <class... Policies>
[[nodiscard]] at::Tensor arranged_tensor(const at::Tensor& tensor) {
  at::Tensor result = tensor;
  if (tensor.defined()) (detail::arrange<Policies>(result), ...);
  return result;
}

/// The batch with such tensors; a batch without tensors is copied.
///
/// **Errors** at compile time, one message, for a type that may have tensors which hone does not find.
template <class... Policies, class Batch>
[[nodiscard]] OwnedBatch<Batch> arranged_batch(const Batch& batch) {
  if constexpr (HoldsTensors<Batch>) {
    return map_tensors(batch, &arranged_tensor<Policies...>);
  } else {
    static_assert(detail::checked_batch<Batch>);
    return batch;
  }
}

/// Arranges the parameters and buffers of a model, or of a loss, as far as it names them. They stay the tensors that
/// they are.
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
