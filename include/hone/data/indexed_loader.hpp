// SPDX-License-Identifier: Apache-2.0
/// A loader of batches from a dataset with access to one sample at a time.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/data/batch_iterator.hpp"
#include "hone/data/collate.hpp"
#include "hone/data/epoch_cursor.hpp"
#include "hone/data/loader_options.hpp"
#include "hone/data/sampler.hpp"

namespace hone {

namespace detail {

/// An index that converts implicitly to the integer type of `get`'s parameter, without a sign-conversion warning.
struct Index {
  std::int64_t value;
  template <std::integral Integer>
  constexpr operator Integer() const {  // NOLINT(google-explicit-constructor)
    return static_cast<Integer>(value);
  }
};

template <class Dataset>
constexpr decltype(auto) get_sample(Dataset& dataset, std::int64_t index)
  requires requires { dataset.get(std::size_t{}); }
{
  if constexpr (requires { &Dataset::get; }) {  // not overloaded, so its parameter has one type
    return dataset.get(Index{index});
  } else {
    return dataset.get(static_cast<std::size_t>(index));
  }
}

template <class T>
concept Size = std::integral<T> || requires(const T& size) {
  requires std::integral<typename T::value_type>;
  { size.has_value() } -> std::convertible_to<bool>;
};

}  // namespace detail

/// A dataset with `get(i)`, which returns sample `i`, and `size()`, which returns an integer or an optional integer.
/// LibTorch's datasets with `get` qualify.
template <class D>
concept IndexedDataset = requires(std::remove_reference_t<D>& dataset) {
  { dataset.size() } -> detail::Size;
  { dataset.get(std::size_t{}) } -> std::destructible;
};

/// The type that `get` returns, without reference and const.
template <IndexedDataset D>
using SampleOf =
    std::remove_cvref_t<decltype(detail::get_sample(std::declval<std::remove_reference_t<D>&>(), std::int64_t{}))>;

/// Returns the number of samples in an indexed dataset.
///
/// **Errors** `DataError` if `size()` returns an empty optional.
template <IndexedDataset D>
[[nodiscard]] std::int64_t sample_count(D& dataset) {
  const auto size = dataset.size();
  if constexpr (std::integral<std::remove_const_t<decltype(size)>>) {
    return static_cast<std::int64_t>(size);
  } else {
    if (!size.has_value()) throw DataError("The size of the dataset is unknown. Pass a range of batches instead.");
    return static_cast<std::int64_t>(*size);
  }
}

namespace detail {

template <class Sample>
struct samples_not_stackable {
  static_assert(sizeof(Sample*) == 0,
                "hone: samples of this type cannot be stacked. Return tensors and numbers from `get`, in a pair or an "
                "adapted struct (torch::tensor converts a std::vector), or pass IndexedLoader a collate function from "
                "std::vector<Sample> to a batch.");
};

template <class Sample>
inline constexpr bool checked_samples = sizeof(samples_not_stackable<Sample>) > 0;

template <class Collate, class Sample>
consteval auto collated() {
  if constexpr (std::same_as<Collate, DefaultCollate> && !Stackable<Sample>) {
    static_assert(checked_samples<Sample>);
    return std::type_identity<std::pair<at::Tensor, at::Tensor>>{};
  } else {
    return std::type_identity<std::remove_cvref_t<std::invoke_result_t<Collate&, std::vector<Sample>>>>{};
  }
}

/// The type of a collate function's batch; one `static_assert` message if `DefaultCollate` cannot stack the samples.
template <class Collate, class Sample>
using CollatedBatch = typename decltype(collated<Collate, Sample>())::type;

}  // namespace detail

/// An input range of batches over an indexed dataset: calls `get` for each sample of a batch and collates the samples.
///
/// `Dataset` is an object type if the loader owns the dataset, or an lvalue reference type if the dataset outlives the
/// loader. `Collate` is called with a `std::vector` of samples and returns a batch of any type. A batch is valid until
/// the next increment.
///
/// **Errors** on construction: `std::invalid_argument` if `batch_size` or `share` is invalid or `drop_last` leaves no
/// batch; `DataError` if the dataset is empty or has fewer samples than ranks. In `begin()`: `DataError` if
/// the sampler's order is invalid. Exceptions of `get` and `Collate` propagate.
/// **Example** `IndexedLoader loader{dataset, {.batch_size = 4}, [](std::vector<Sample> samples) { return ...; }};`
template <IndexedDataset Dataset, class Collate = DefaultCollate, Sampler S = OptionalShuffle>
class IndexedLoader {
 public:
  using Sample = SampleOf<Dataset>;
  using Batch = detail::CollatedBatch<Collate, Sample>;
  using Iterator = BatchIterator<IndexedLoader, Batch>;
  static constexpr bool makes_new_batches = true;

  explicit IndexedLoader(Dataset&& dataset, const LoaderOptions& options = {}, Collate collate = {})
    requires std::same_as<S, OptionalShuffle>
      : dataset_(std::forward<Dataset>(dataset)),
        collate_(std::move(collate)),
        cursor_(sample_count(dataset_), options, {options.shuffle, options.seed}) {}

  /// As above, in the order of `sampler`; `options.seed` is ignored.
  ///
  /// **Errors** `std::invalid_argument` if `options.shuffle` is set, or as `UsesGlobalGenerator`.
  IndexedLoader(Dataset&& dataset, const LoaderOptions& options, Collate collate, S sampler)
      : dataset_(std::forward<Dataset>(dataset)),
        collate_(std::move(collate)),
        cursor_(sample_count(dataset_), options, std::move(sampler)) {
    detail::check_no_shuffle(options);
  }

  IndexedLoader(IndexedLoader&&) = default;
  IndexedLoader& operator=(IndexedLoader&&) = default;
  IndexedLoader(const IndexedLoader&) = delete;  // an epoch has one position, and the current batch one owner
  IndexedLoader& operator=(const IndexedLoader&) = delete;
  ~IndexedLoader() = default;

  /// Starts the next epoch.
  [[nodiscard]] Iterator begin() {
    cursor_.start();
    advance();
    return Iterator(*this);
  }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

  /// Returns the number of batches in a whole epoch, the same on each rank.
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(cursor_.batches()); }
  /// Returns the number of samples in a full batch: the option, at most an epoch's samples per rank, rounded up.
  [[nodiscard]] std::int64_t batch_size() const { return cursor_.batch_size(); }
  /// Returns the index that restores the dataset's order of rows gathered from all ranks; see `hone::unshard_permutation`.
  [[nodiscard]] at::Tensor unshard_permutation() const { return cursor_.unshard_permutation(); }
  [[nodiscard]] const DataShard& share() const { return cursor_.share(); }

  /// Sets the epoch that the next `begin()` starts. By default, epochs count up from 0; see also `EpochScope`.
  void set_epoch(std::int64_t epoch) { cursor_.set_epoch(epoch); }
  /// Skips the next `count` batches of the current epoch without making them. The current batch must not be used any
  /// more. An increment makes the next one.
  void skip(std::int64_t count) { cursor_.skip(count); }

  /// Resumes the current epoch after the first `samples` samples of its order, counted over all ranks, and partitions
  /// the rest into batches. The current batch must not be used any more. The next increment makes the first batch of
  /// the rest. After a whole number of this loader's steps, this is the position that `skip` leads to.
  ///
  /// **Errors** `DataError` if the epoch has fewer samples, or leaves some, but fewer than ranks (unless `drop_last`).
  void resume_after(std::int64_t samples) { cursor_.resume_after(samples); }
  /// Returns the number of batches in an epoch that resumes after `samples` samples. **Errors** as above.
  [[nodiscard]] std::int64_t batches_after(std::int64_t samples) const { return cursor_.batches_after(samples); }
  /// Returns the number of samples of an epoch's order that all ranks have consumed after `batches` batches. Includes
  /// `samples` for an epoch that resumed after `samples`. **Errors** as above.
  [[nodiscard]] std::int64_t samples_after(std::int64_t batches, std::int64_t samples = 0) const {
    return cursor_.samples_after(batches, samples);
  }

 private:
  friend Iterator;

  [[nodiscard]] bool done() const { return cursor_.done(); }
  [[nodiscard]] Batch& current() { return *batch_; }

  void advance() {
    if (!cursor_.advance()) return;
    std::vector<Sample> samples;
    samples.reserve(static_cast<std::size_t>(cursor_.width()));
    const auto* indices = cursor_.indices();
    for (std::int64_t i = 0; i < cursor_.width(); ++i) {
      samples.push_back(detail::get_sample(dataset_, indices == nullptr ? cursor_.first() + i : indices[i]));
    }
    if constexpr (std::invocable<Collate&, std::vector<Sample>>) {
      batch_.emplace(std::invoke(collate_, std::move(samples)));
    }
  }

  Dataset dataset_;
  Collate collate_;
  detail::EpochCursor<S> cursor_;
  std::optional<Batch> batch_;
};

template <class Dataset>
IndexedLoader(Dataset&&, LoaderOptions) -> IndexedLoader<Dataset>;
template <class Dataset, class Collate>
IndexedLoader(Dataset&&, LoaderOptions, Collate) -> IndexedLoader<Dataset, Collate>;
template <class Dataset, class Collate, class S>
IndexedLoader(Dataset&&, LoaderOptions, Collate, S) -> IndexedLoader<Dataset, Collate, S>;

}  // namespace hone
