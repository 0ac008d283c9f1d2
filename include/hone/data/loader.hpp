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

#include "hone/core/sentence.hpp"
#include "hone/data/batch.hpp"
#include "hone/data/indexed_loader.hpp"
#include "hone/data/loader_options.hpp"
#include "hone/data/sampler.hpp"
#include "hone/data/tensor_dataset.hpp"
#include "hone/data/tensor_loader.hpp"

namespace hone {

namespace detail {

template <class T>
constexpr bool is_tensor_dataset = false;
template <class Batch>
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

/// The type of a range's batches, without reference and const.
template <BatchRange R>
using BatchOf = std::remove_cvref_t<decltype(*std::declval<std::remove_reference_t<R>&>().begin())>;

/// What `make_loader` turns into batches: tensors, samples by index, or what is a range of batches already.
template <class T>
concept Loadable = BatchRange<T> || IndexedDataset<T>;

/// A range of batches, or a pointer to one.
template <class T>
concept HandsOutBatches = BatchRange<T> || (!IndexedDataset<T> && requires(T& pointer) {
                            *pointer;
                            requires BatchRange<decltype(*pointer)>;
                          });

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
template <BatchRange R>
[[nodiscard]] constexpr R make_loader(R&& range, const LoaderOptions& /*options*/ = {}) {
  return std::forward<R>(range);
}

/// The batches of whatever a trainer was given: of a dataset, of a range of batches, or of what a pointer points to, as
/// `torch::data::make_data_loader` returns one.
template <class Dataset>
[[nodiscard]] decltype(auto) batches_of(Dataset&& dataset, const LoaderOptions& options) {
  if constexpr (!Loadable<Dataset> && requires { *dataset; }) {
    return make_loader(*dataset, options);
  } else {
    return make_loader(std::forward<Dataset>(dataset), options);
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

/// Chooses the epoch of the next pass, where the range offers that.
template <class R>
constexpr void set_epoch(R& range, std::int64_t epoch) {
  if constexpr (requires { range.set_epoch(epoch); }) range.set_epoch(epoch);
}

}  // namespace hone
