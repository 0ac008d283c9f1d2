// SPDX-License-Identifier: Apache-2.0
/// Storage for the outputs of a prediction.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/batch.hpp"
#include "hone/step/batch_loss.hpp"

namespace hone {

namespace detail {

template <class Outputs>
struct predict_batch_returns_nothing {
  static_assert(sizeof(Outputs*) == 0,
                "hone: the override `predict_batch` returns void. Return the model's outputs from it.");
};

template <class Outputs>
inline constexpr bool checked_outputs = sizeof(predict_batch_returns_nothing<Outputs>) > 0;

[[nodiscard]] inline bool share_memory(const at::Tensor& a, const at::Tensor& b) {
  return a.defined() && b.defined() && a.has_storage() && b.has_storage() &&
         a.storage().unsafeGetStorageImpl() == b.storage().unsafeGetStorageImpl();
}

}  // namespace detail

/// Clones each tensor in `outputs` that shares memory with a tensor in `batch` or in `others`.
///
/// **Cost** a comparison of addresses per pair of tensors.
template <class Outputs, class Batch>
void own_memory(Outputs& outputs, const Batch& batch, const std::vector<at::Tensor>& others = {}) {
  for_each_tensor(outputs, [&](at::Tensor& output) {
    bool is_shared = false;
    for_each_tensor(batch,
                    [&](const at::Tensor& input) { is_shared = is_shared || detail::share_memory(output, input); });
    for (const auto& other : others) is_shared = is_shared || detail::share_memory(output, other);
    if (is_shared) output = output.clone();
  });
}

/// Stores the outputs of a model, batch by batch.
template <class Outputs>
class Predictions {
 public:
  /// `reused` are tensors that later batches may overwrite, such as the model's buffers.
  explicit Predictions(std::vector<at::Tensor> reused = {}) : reused_(std::move(reused)) {}

  /// Stores the outputs for `batch`. Clones tensors that share memory with the batch or with `reused`. Returns a
  /// reference to the stored outputs, which is valid until the next call.
  ///
  /// **Errors** `DataError` for a tensor that cannot be concatenated with the previous ones along the first dimension.
  template <class Batch>
  Outputs& add(Outputs outputs, const Batch& batch) {
    own_memory(outputs, batch, reused_);
    if constexpr (std::same_as<Outputs, at::Tensor>) {
      if (outputs.defined() && outputs.dim() == 0 && holds_one_sample(batch)) outputs = outputs.reshape({1});
      require_fit(outputs);
    }
    return outputs_.emplace_back(std::move(outputs));
  }

  /// Returns the concatenation if the outputs are tensors, else a vector with the outputs of each batch.
  [[nodiscard]] auto take() && {
    if constexpr (std::same_as<Outputs, at::Tensor>) {
      return at::cat(outputs_);
    } else {
      return std::move(outputs_);
    }
  }

 private:
  template <class Batch>
  [[nodiscard]] static bool holds_one_sample(const Batch& batch) {
    if constexpr (HoldsTensors<Batch>) {
      return batch_size(batch) == 1;
    } else {
      return false;
    }
  }
  void require_fit(const at::Tensor& output) const {
    if (!output.defined() || output.dim() == 0) {
      refuse(output,
             "and needs the number of samples as its first dimension. Return the shape [samples, ...] from the model "
             "or the override `predict_batch`.");
    }
    if (outputs_.empty() || output.sizes().slice(1) == outputs_.front().sizes().slice(1)) return;
    refuse(output,
           format_message(
               "and cannot be concatenated with the output for batch 0, {}. Pad outputs to one shape, or return them "
               "in a std::tuple from the override `predict_batch`: then predict returns one element for each batch.",
               {detail::shapes(outputs_.front())}));
  }
  [[noreturn]] void refuse(const at::Tensor& output, const std::string& why) const {
    throw DataError(
        format_message("The model's output for batch {} is {} {}", {outputs_.size(), detail::shapes(output), why}));
  }

  std::vector<at::Tensor> reused_;
  std::vector<Outputs> outputs_;
};

}  // namespace hone
