// SPDX-License-Identifier: Apache-2.0
/// What a trainer asks of its data: any range of batches, and how a dataset becomes one.
#pragma once

#include <algorithm>  // the concepts of ranges; <ranges> has views too, which every file would have to read
#include <concepts>
#include <cstdint>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/pointee.hpp"
#include "hone/core/sentence.hpp"
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

/// Anything a range-based `for` walks through, once or many times: hone's loaders, containers, views of range-v3 and of
/// the standard library, LibTorch's `DataLoader` (whose iterators are none in the eyes of the standard library).
template <class R>
concept BatchRange = !IndexedDataset<R> && requires(std::remove_reference_t<R>& range) {
  *range.begin();
  ++std::declval<decltype(range.begin())&>();
  { range.begin() != range.end() } -> std::convertible_to<bool>;
};

/// Optional ability of a range: it says that its batches are made sooner than a thread could hand them over.
template <class R>
inline constexpr bool makes_batches_at_once = requires { requires std::remove_cvref_t<R>::makes_batches_at_once; };
/// Optional ability of a range: each batch is new, so it may be taken away instead of copied.
template <class R>
inline constexpr bool makes_new_batches = requires { requires std::remove_cvref_t<R>::makes_new_batches; };

/// The type that keeps a batch of a range: without reference and const, and of values where the range yields a tuple of
/// references, as `views::zip` does.
template <BatchRange R>
using BatchOf = OwnedBatch<decltype(*std::declval<std::remove_reference_t<R>&>().begin())>;

/// What `make_loader` turns into batches: tensors, samples by index, or what is a range of batches already.
template <class T>
concept Loadable = BatchRange<T> || IndexedDataset<T>;

/// The loader of a dataset: gathers whole batches from a `TensorDataset`, stacks the samples of any other. An indexed
/// dataset given as an lvalue is referred to, a temporary is kept.
///
/// **Errors** those of `TensorLoader` and `IndexedLoader`.
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
    return IndexedLoader<Dataset, StackSamples, S>(std::forward<Dataset>(dataset), options, {}, std::move(sampler));
  }
}

/// A range of batches is its own loader: an lvalue is passed on by reference and the options do not apply to it.
/// LibTorch's `DataLoader` becomes `DataLoaderBatches`.
template <BatchRange R>
[[nodiscard]] constexpr decltype(auto) make_loader(R&& range, const LoaderOptions& /*options*/ = {}) {
  if constexpr (TorchDataLoader<std::remove_reference_t<R>>) {
    return DataLoaderBatches<std::remove_reference_t<R>&>(range);
  } else {
    return static_cast<std::conditional_t<std::is_lvalue_reference_v<R>, R, std::remove_reference_t<R>>>(
        std::forward<R>(range));
  }
}

/// A handle to a dataset or to a range of batches: `std::ref`, or a pointer as `torch::data::make_data_loader` returns
/// one.
template <class T>
concept LoadableHandle = !Loadable<T> && !std::same_as<PointeeOf<std::remove_reference_t<T>>, std::remove_cvref_t<T>> &&
                         Loadable<PointeeOf<std::remove_reference_t<T>>&>;

/// A range of batches, or a handle to one.
template <class T>
concept HandsOutBatches = BatchRange<T> || (LoadableHandle<T> && BatchRange<PointeeOf<std::remove_reference_t<T>>&>);

/// The batches of whatever a trainer was given: of a dataset, of a range of batches, or of what a handle refers to.
template <class Dataset>
[[nodiscard]] decltype(auto) batches_of(Dataset&& dataset, const LoaderOptions& options) {
  if constexpr (LoadableHandle<Dataset>) {
    return make_loader(pointee(dataset), options);
  } else {
    return make_loader(std::forward<Dataset>(dataset), options);
  }
}

namespace detail {

template <class Made>
struct dataloader_without_batches {
  static_assert(
      sizeof(Made*) == 0,
      "hone: this override makes no batches. Let `create_train_dataloader` and `create_eval_dataloader` return a "
      "range of batches, such as hone::TensorLoader or `trainer.create_train_dataloader(dataset, options)`.");
};

template <class Made>
inline constexpr bool checked_dataloader = sizeof(dataloader_without_batches<Made>) > 0;

}  // namespace detail

/// What `make` returns, with LibTorch's `DataLoader`, or a smart pointer to one, as a range of batches.
template <class F>
[[nodiscard]] decltype(auto) batches_from(F&& make) {
  using Made = decltype(make());
  if constexpr (std::is_void_v<Made>) {
    static_assert(detail::checked_dataloader<Made>);
    return std::vector<std::pair<at::Tensor, at::Tensor>>();
  } else if constexpr (TorchDataLoader<PointeeOf<std::remove_reference_t<Made>>>) {
    return DataLoaderBatches<Made>(make());
  } else {
    return make();
  }
}

/// The number of batches in one pass through `range`, where the range knows it without being walked through.
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

/// The samples in a batch, where the range says so.
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

/// Refuses a loader that gives one of many processes another share than its own. Other ranges are divided by whoever
/// makes them.
///
/// **Errors** `std::invalid_argument`.
template <class R>
void require_share(const R& range, const DataShare& own) {
  if constexpr (requires { range.share() == own; }) {
    if (own.world_size <= 1 || range.share() == own) return;
    throw std::invalid_argument(
        sentence("The loader has the share of process {} of {}, and this is process {} of {}. Make it with "
                 ".share = {{}, {}}, or give the dataset itself.",
                 {range.share().rank, range.share().world_size, own.rank, own.world_size, own.rank, own.world_size}));
  }
}

/// True when both are the same range, or refer to the same loader.
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

/// Chooses the epoch of the next pass, where the range offers that; see also `EpochScope`.
template <class R>
constexpr void set_epoch(R& range, std::int64_t epoch) {
  if constexpr (requires { range.set_epoch(epoch); }) range.set_epoch(epoch);
}

}  // namespace hone
