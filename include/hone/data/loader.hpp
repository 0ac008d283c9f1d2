// SPDX-License-Identifier: Apache-2.0
/// Ranges of batches, and the conversion of datasets into such ranges.
#pragma once

#include <algorithm>  // for the range concepts; <ranges> also has views, which every file would have to compile
#include <concepts>
#include <cstdint>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/format_message.hpp"
#include "hone/core/unwrap.hpp"
#include "hone/data/batch.hpp"
#include "hone/data/data_loader.hpp"
#include "hone/data/indexed_loader.hpp"
#include "hone/data/loader_options.hpp"
#include "hone/data/sampler.hpp"
#include "hone/data/tensor_dataset.hpp"
#include "hone/data/tensor_loader.hpp"

namespace hone {

namespace detail {

template <class T>
constexpr bool is_tensor_dataset = false;
template <HoldsTensors Batch>
constexpr bool is_tensor_dataset<TensorDataset<Batch>> = true;

}  // namespace detail

/// A type with members `begin` and `end` that a range-based `for` iterates over, once or repeatedly: hone's loaders,
/// containers, views of range-v3 and of the standard library, LibTorch's `DataLoader` (whose iterators do not model
/// `std::input_iterator`). An `IndexedDataset` does not qualify.
template <class R>
concept BatchRange = !IndexedDataset<R> && requires(std::remove_reference_t<R>& range) {
  *range.begin();
  ++std::declval<decltype(range.begin())&>();
  { range.begin() != range.end() } -> std::convertible_to<bool>;
};

/// Optional: `R::makes_batches_at_once` is true if making a batch is faster than passing it between threads.
template <class R>
inline constexpr bool makes_batches_at_once = requires { requires std::remove_cvref_t<R>::makes_batches_at_once; };
/// Optional: `R::makes_new_batches` is true if each batch is a new object, which may be moved from instead of copied.
template <class R>
inline constexpr bool makes_new_batches = requires { requires std::remove_cvref_t<R>::makes_new_batches; };

/// The type that owns a batch of a range: without reference and const, and with values in place of references if the
/// range yields a tuple of references, as `views::zip` does.
template <BatchRange R>
using BatchOf = OwnedBatch<decltype(*std::declval<std::remove_reference_t<R>&>().begin())>;

/// A type that `make_loader` accepts: an indexed dataset, such as `TensorDataset`, or a range of batches.
template <class T>
concept Loadable = BatchRange<T> || IndexedDataset<T>;

/// Returns a loader for a dataset: a `TensorLoader`, which shares the tensors of a `TensorDataset`, or an
/// `IndexedLoader`, which stacks samples. An `IndexedLoader` refers to a dataset passed as an lvalue and owns a
/// temporary.
///
/// **Errors** as `TensorLoader` and `IndexedLoader`.
template <IndexedDataset Dataset>
[[nodiscard]] auto make_loader(Dataset&& dataset, const LoaderOptions& options) {
  if constexpr (detail::is_tensor_dataset<std::remove_cvref_t<Dataset>>) {
    return TensorLoader(std::forward<Dataset>(dataset), options);
  } else {
    return IndexedLoader<Dataset>(std::forward<Dataset>(dataset), options);
  }
}

/// As above, in the order of `sampler`.
template <IndexedDataset Dataset, Sampler S>
[[nodiscard]] auto make_loader(Dataset&& dataset, const LoaderOptions& options, S sampler) {
  if constexpr (detail::is_tensor_dataset<std::remove_cvref_t<Dataset>>) {
    return TensorLoader(std::forward<Dataset>(dataset), options, std::move(sampler));
  } else {
    return IndexedLoader<Dataset, DefaultCollate, S>(std::forward<Dataset>(dataset), options, {}, std::move(sampler));
  }
}

/// Returns a range of batches unchanged, an lvalue by reference; the options are ignored. Wraps LibTorch's `DataLoader`
/// in `DataLoaderBatches`, which refers to it.
template <BatchRange R>
[[nodiscard]] constexpr decltype(auto) make_loader(R&& range, const LoaderOptions& /*options*/ = {}) {
  if constexpr (TorchDataLoader<std::remove_reference_t<R>>) {
    return DataLoaderBatches<std::remove_reference_t<R>&>(range);
  } else {
    return static_cast<std::conditional_t<std::is_lvalue_reference_v<R>, R, std::remove_reference_t<R>>>(
        std::forward<R>(range));
  }
}

/// A handle to a dataset or a range of batches: `std::ref`, or a pointer, as from `torch::data::make_data_loader`.
template <class T>
concept LoadableHandle = !Loadable<T> && !std::same_as<UnwrapRef<std::remove_reference_t<T>>, std::remove_cvref_t<T>> &&
                         Loadable<UnwrapRef<std::remove_reference_t<T>>&>;

/// A range of batches, or a handle to one.
template <class T>
concept YieldsBatches = BatchRange<T> || (LoadableHandle<T> && BatchRange<UnwrapRef<std::remove_reference_t<T>>&>);

/// Returns the batches of a trainer's data: a dataset, a range of batches, or a handle to one of these.
template <class Dataset>
[[nodiscard]] decltype(auto) batches_of(Dataset&& dataset, const LoaderOptions& options) {
  if constexpr (LoadableHandle<Dataset>) {
    return make_loader(unwrap(dataset), options);
  } else {
    return make_loader(std::forward<Dataset>(dataset), options);
  }
}

namespace detail {

template <class Made>
struct dataloader_without_batches {
  static_assert(
      sizeof(Made*) == 0,
      "hone: this override does not return a range of batches. Return one from `create_train_dataloader` and "
      "`create_eval_dataloader`, such as hone::TensorLoader or `trainer.create_train_dataloader(dataset, options)`.");
};

template <class Made>
inline constexpr bool checked_dataloader = sizeof(dataloader_without_batches<Made>) > 0;

}  // namespace detail

/// Returns the result of `make`. Wraps LibTorch's `DataLoader`, or a smart pointer to one, in `DataLoaderBatches`.
template <class F>
[[nodiscard]] decltype(auto) batches_from(F&& make) {
  using Made = decltype(make());
  if constexpr (std::is_void_v<Made>) {
    static_assert(detail::checked_dataloader<Made>);
    return std::vector<std::pair<at::Tensor, at::Tensor>>();
  } else if constexpr (TorchDataLoader<UnwrapRef<std::remove_reference_t<Made>>>) {
    return DataLoaderBatches<Made>(make());
  } else {
    return make();
  }
}

/// Returns the number of batches in one pass through `range`; empty if `range` does not provide it without a pass.
template <BatchRange R>
[[nodiscard]] std::optional<std::int64_t> batch_count(R&& range) {
  if constexpr (requires {
                  { range.size() } -> std::integral;
                }) {
    return static_cast<std::int64_t>(range.size());
  } else if constexpr (std::ranges::sized_range<R> && std::ranges::forward_range<R>) {
    return static_cast<std::int64_t>(std::ranges::size(range));
  } else {
    return std::nullopt;
  }
}

/// Returns the number of samples in a batch; empty if `range` has no `batch_size()`.
template <class R>
[[nodiscard]] std::optional<std::int64_t> known_batch_size(const R& range) {
  if constexpr (requires {
                  { range.batch_size() } -> std::integral;
                }) {
    return static_cast<std::int64_t>(range.batch_size());
  } else {
    return std::nullopt;
  }
}

/// Throws if `range` has a `share()` that is not this rank's `own`, with two or more ranks. The caller is responsible
/// for the sharding of ranges without `share()`.
///
/// **Errors** `std::invalid_argument`.
template <class R>
void require_share(const R& range, const DataShard& own) {
  if constexpr (requires { range.share() == own; }) {
    if (own.world_size <= 1 || range.share() == own) return;
    throw std::invalid_argument(format_message(
        "The loader has the shard of rank {} of {}, but this process is rank {} of {}. Create it with .share = {{}, "
        "{}}, or pass the dataset instead.",
        {range.share().rank, range.share().world_size, own.rank, own.world_size, own.rank, own.world_size}));
  }
}

/// Returns whether `a` and `b` are the same range or refer to the same `DataLoader`.
[[nodiscard]] bool are_same_batches(const auto& a, const auto& b) {
  const auto source = [](const auto& range) -> const void* {
    if constexpr (requires { range.source(); }) {
      return range.source();
    } else {
      return &range;
    }
  };
  return source(a) == source(b);
}

/// Sets the epoch of the next pass; a no-op if `range` has no `set_epoch`. See also `EpochScope`.
template <class R>
constexpr void set_epoch(R& range, std::int64_t epoch) {
  if constexpr (requires { range.set_epoch(epoch); }) range.set_epoch(epoch);
}

}  // namespace hone
