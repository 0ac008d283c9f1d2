// SPDX-License-Identifier: Apache-2.0
/// A dataset of tensors whose first dimension is the samples.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/batch.hpp"

namespace hone {

namespace detail {

template <class Batch>
struct dataset_without_tensors {
  static_assert(
      sizeof(Batch) == 0,
      "hone: TensorDataset needs tensors of shape [samples, ...], and an argument is not a tensor. Convert it, as with "
      "torch::tensor(values) or torch::stack(rows), or pass the trainer a dataset with size() and get(i).");
};

template <class... Parts>
struct NotTensors {};

}  // namespace detail

/// The primary template, for types without tensors: one `static_assert` message.
template <class Batch>
class TensorDataset {
  static_assert(sizeof(detail::dataset_without_tensors<Batch>) > 0);

 public:
  using BatchType = std::pair<at::Tensor, at::Tensor>;
  template <class... Parts>
  explicit TensorDataset(const Parts&...) {}
  [[nodiscard]] std::int64_t size() const { return 0; }
  [[nodiscard]] BatchType get(std::int64_t) const { return {}; }
};

/// A dataset stored as one large batch: sample `i` is row `i` of every tensor. A copy shares the tensors.
///
/// **Shapes** each tensor `[samples, ...]`.
/// **Errors** `DataError` if a tensor is undefined or a scalar, or if the first dimensions differ.
/// **Example** `TensorDataset{x, y}` has batches of type `std::pair<at::Tensor, at::Tensor>`, `TensorDataset{x}` of
/// `at::Tensor`, a dataset of more tensors of `std::tuple`, a dataset of a struct adapted with Boost.Hana of the
/// struct.
template <HoldsTensors Batch>
class TensorDataset<Batch> {
 public:
  using BatchType = Batch;

  explicit TensorDataset(Batch tensors) : tensors_(std::move(tensors)) {
    int index = 0;
    for_each_tensor(std::as_const(tensors_), [&](const at::Tensor& tensor) {
      if (!tensor.defined() || tensor.dim() == 0) {
        throw DataError(format_message("Tensor {} of the dataset {}. Pass tensors of shape [samples, ...].",
                                       {index, tensor.defined() ? "is a scalar" : "is undefined"}));
      }
      if (index++ == 0) size_ = tensor.size(0);
      if (tensor.size(0) != size_) {
        throw DataError(
            format_message("Tensor {} of the dataset has {} samples, but tensor 0 has {}. Give all tensors of a "
                           "dataset the same first dimension.",
                           {index - 1, tensor.size(0), size_}));
      }
    });
  }

  template <class... Tensors>
    requires(sizeof...(Tensors) > 0) && std::constructible_from<Batch, at::Tensor, at::Tensor, const Tensors&...>
  TensorDataset(at::Tensor first, at::Tensor second, const Tensors&... more)
      : TensorDataset(Batch(std::move(first), std::move(second), more...)) {}

  TensorDataset(at::Tensor first, at::Tensor second)
    requires std::constructible_from<Batch, at::Tensor, at::Tensor>
      : TensorDataset(Batch(std::move(first), std::move(second))) {}

  /// Returns the number of samples.
  [[nodiscard]] std::int64_t size() const { return size_; }

  /// Returns all samples as one batch.
  [[nodiscard]] const Batch& tensors() const { return tensors_; }

  /// Returns the samples `[first, first + count)` as views of this dataset's tensors.
  ///
  /// **Errors** `std::invalid_argument` if the range exceeds the dataset or `count` is negative.
  [[nodiscard]] TensorDataset subset(std::int64_t first, std::int64_t count) const {
    if (first < 0 || count < 0 || count > size_ || first > size_ - count) {
      throw std::invalid_argument(format_message(
          "A subset of {} samples from sample {} exceeds the dataset, which has {}. Pass a range inside the dataset.",
          {count, first, size_}));
    }
    return TensorDataset(
        map_tensors(tensors_, [&](const at::Tensor& tensor) { return tensor.slice(0, first, first + count); }));
  }

  /// Returns the dataset on `device`, where a loader then gathers its batches. Shares tensors that are already there.
  ///
  /// **Example** `trainer.train(train_set.to(trainer.device()), {.num_epochs = 8})`
  [[nodiscard]] TensorDataset to(at::Device device) const {
    return TensorDataset(map_tensors(tensors_, [device](const at::Tensor& tensor) { return tensor.to(device); }));
  }

  /// Returns sample `index`: a view of this row of every tensor.
  ///
  /// **Errors** `std::out_of_range`.
  [[nodiscard]] Batch get(std::int64_t index) const {
    if (index < 0 || index >= size_) {
      throw std::out_of_range(format_message("Sample {} is out of range: the dataset has {} samples.", {index, size_}));
    }
    return map_tensors(tensors_, [&](const at::Tensor& tensor) { return tensor.select(0, index); });
  }
  [[nodiscard]] Batch operator[](std::int64_t index) const { return get(index); }

 private:
  Batch tensors_;
  std::int64_t size_ = 0;
};

template <class Batch>
TensorDataset(Batch) -> TensorDataset<Batch>;

template <class First, class... More>
  requires(sizeof...(More) > 0) && (!(std::same_as<First, at::Tensor> && ... && std::same_as<More, at::Tensor>))
TensorDataset(First, More...) -> TensorDataset<detail::NotTensors<First, More...>>;

TensorDataset(at::Tensor, at::Tensor) -> TensorDataset<std::pair<at::Tensor, at::Tensor>>;

template <class... Tensors>
  requires(sizeof...(Tensors) > 0) && (std::same_as<Tensors, at::Tensor> && ...)
TensorDataset(at::Tensor, at::Tensor, Tensors...) -> TensorDataset<std::tuple<at::Tensor, at::Tensor, Tensors...>>;

}  // namespace hone
