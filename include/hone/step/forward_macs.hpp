// SPDX-License-Identifier: Apache-2.0
/// An estimate of the work of a step, from the shapes of parameters and samples.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "hone/core/unwrap.hpp"
#include "hone/data/loader.hpp"
#include "hone/optim/parameter_group.hpp"

namespace hone {

/// Estimates the number of multiplications in one forward pass: every weight matrix is used once at each position of a
/// sample, every kernel once at each pixel.
///
/// **Shapes** inputs: `[samples, features]`, `[samples, positions, features]`, integers `[samples, positions]`, or
/// images `[samples, channels, ...]`.
template <class Model>
[[nodiscard]] double forward_macs(const Model& model, const at::Tensor& inputs, std::int64_t batch_size) {
  double places = 1.0, pixels = 1.0;
  for (std::int64_t d = 2; d < inputs.dim(); ++d) pixels *= static_cast<double>(inputs.size(d));
  if (inputs.dim() > 1 && (!inputs.is_floating_point() || inputs.dim() == 3)) {
    places = static_cast<double>(inputs.size(1));
  }
  double total = 0.0;
  for (const auto& [name, parameter] : named_parameters(model)) {
    if (parameter.dim() < 2) continue;
    total += static_cast<double>(parameter.numel()) * (parameter.dim() == 2 ? places : pixels);
  }
  return total * static_cast<double>(batch_size);
}

/// Returns the estimate for the inputs of a batch; 0 (unknown) if the first input is not a tensor.
template <class Model, class Batch>
[[nodiscard]] double macs_in(const Model& model, const Batch& batch) {
  if constexpr (!HoldsTensors<Batch> || detail::HasUnclearParts<const Batch&>) {
    return 0.0;
  } else {
    const auto count = [&](const auto& inputs, const auto&...) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(inputs)>, at::Tensor>) {
        return inputs.defined() && inputs.dim() > 0 ? forward_macs(model, inputs, inputs.size(0)) : 0.0;
      } else {
        return 0.0;
      }
    };
    return std::apply(count, inputs_of(batch));
  }
}

/// Returns the estimate for a batch of a `TensorDataset`; 0 (unknown) for other datasets.
template <class Model, class Dataset>
[[nodiscard]] double forward_macs(const Model& model, const Dataset& dataset, std::int64_t batch_size) {
  if constexpr (LoadableHandle<const Dataset&>) {
    return forward_macs(model, std::as_const(unwrap(dataset)), batch_size);
  } else if constexpr (detail::is_tensor_dataset<Dataset>) {
    if constexpr (detail::HasUnclearParts<decltype(dataset.tensors())>) {
      return 0.0;
    } else {
      const auto count = [&](const auto& inputs, const auto&...) {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(inputs)>, at::Tensor>) {
          return forward_macs(model, inputs, batch_size);
        } else {
          return 0.0;
        }
      };
      return std::apply(count, inputs_of(dataset.tensors()));
    }
  } else {
    return 0.0;
  }
}

}  // namespace hone
