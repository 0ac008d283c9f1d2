// SPDX-License-Identifier: Apache-2.0
/// Slices of a batch, and the joining of the outputs for slices.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/batch.hpp"

namespace hone {

/// Returns the samples `[from, to)` of a batch of any type. Tensors are views; tensors without dimensions, and members
/// that are not tensors, are copied from the whole batch (tensors as handles).
///
/// **Errors** as `check_batch`.
template <HoldsTensors Batch>
[[nodiscard]] OwnedBatch<Batch> slice_batch(const Batch& batch, std::int64_t from, std::int64_t to) {
  check_batch(batch);
  return map_tensors(batch, [&](const at::Tensor& tensor) {
    return tensor.defined() && tensor.dim() > 0 ? tensor.slice(0, from, to) : tensor;
  });
}

/// Joins a model's outputs for the parts of a batch, of `sizes` samples each, into outputs for the whole batch.
/// Concatenates tensors with the samples in their first dimension, and averages floating-point tensors without
/// dimensions, weighted by samples. Copies other members from the first part. Requires at least one part.
///
/// **Errors** `DataError` for any other defined tensor.
template <class Outputs>
[[nodiscard]] Outputs joined(std::span<Outputs> parts, std::span<const std::int64_t> sizes) {
  Outputs whole = parts.front();
  if constexpr (HoldsTensors<Outputs>) {
    std::vector<std::vector<at::Tensor>> tensors(parts.size());
    std::int64_t samples = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      for_each_tensor(parts[i], [&](const at::Tensor& tensor) { tensors[i].push_back(tensor); });
      samples += sizes[i];
    }
    std::size_t place = 0;
    for_each_tensor(whole, [&](at::Tensor& tensor) {
      std::vector<at::Tensor> pieces;
      bool has_samples = true;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const at::Tensor& piece = tensors[i].size() == tensors[0].size() ? tensors[i][place] : at::Tensor();
        has_samples = has_samples && piece.defined() && piece.dim() > 0 && piece.size(0) == sizes[i];
        pieces.push_back(piece);
      }
      if (has_samples) {
        tensor = at::cat(pieces);
      } else if (tensor.defined() && tensor.dim() == 0 && tensor.is_floating_point()) {
        const auto share = [&](std::size_t i) { return static_cast<double>(sizes[i]) / static_cast<double>(samples); };
        tensor = pieces[0] * share(0);
        for (std::size_t i = 1; i < pieces.size(); ++i) tensor = tensor + pieces[i] * share(i);
      } else if (tensor.defined()) {
        throw DataError(format_message(
            "Output tensor {} of the model has {} dimensions and not one row for each sample, so the outputs of "
            "micro-batches cannot be concatenated. Return one row for each sample, or a scalar.",
            {place, tensor.dim()}));
      }
      ++place;
    });
  }
  return whole;
}

}  // namespace hone
