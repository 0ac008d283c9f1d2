// SPDX-License-Identifier: Apache-2.0
/// Batches of a dataset that hands out one sample at a time.
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
#include "hone/data/epoch_walk.hpp"
#include "hone/data/loader_options.hpp"
#include "hone/data/sampler.hpp"
#include "hone/data/stored_order.hpp"

namespace hone {

namespace detail {

/// An index that becomes whichever integer type `get` asks for, without a warning about signs.
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
  if constexpr (requires { &Dataset::get; }) {  // one function, so its argument has one type
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

/// A dataset with `size()` and `get(i)`, which returns sample `i`. Datasets of LibTorch with `get` qualify.
template <class D>
concept IndexedDataset = requires(std::remove_reference_t<D>& dataset) {
  { dataset.size() } -> detail::Size;
  { dataset.get(std::size_t{}) } -> std::destructible;
};

/// What `get` returns.
template <IndexedDataset D>
using SampleOf =
    std::remove_cvref_t<decltype(detail::get_sample(std::declval<std::remove_reference_t<D>&>(), std::int64_t{}))>;

/// The number of samples in an indexed dataset.
///
/// **Errors** `DataError` when a LibTorch dataset does not know its size.
template <IndexedDataset D>
[[nodiscard]] std::int64_t sample_count(D& dataset) {
  const auto size = dataset.size();
  if constexpr (std::integral<std::remove_const_t<decltype(size)>>) {
    return static_cast<std::int64_t>(size);
  } else {
    if (!size.has_value())
      throw DataError("The dataset does not know its size. Give it as a range of batches instead.");
    return static_cast<std::int64_t>(*size);
  }
}

namespace detail {

template <class Sample>
struct samples_not_stackable {
  static_assert(
      sizeof(Sample*) == 0,
      "hone: samples of this type cannot be stacked. Let `get` return tensors and numbers, as torch::tensor makes of "
      "a vector, in a pair or an adapted struct, or pass IndexedLoader a function from std::vector<Sample> to a "
      "batch.");
};

template <class Sample>
inline constexpr bool checked_samples = sizeof(samples_not_stackable<Sample>) > 0;

template <class Collate, class Sample>
consteval auto collated() {
  if constexpr (std::same_as<Collate, StackSamples> && !Stackable<Sample>) {
    static_assert(checked_samples<Sample>);
    return std::type_identity<std::pair<at::Tensor, at::Tensor>>{};
  } else {
    return std::type_identity<std::remove_cvref_t<std::invoke_result_t<Collate&, std::vector<Sample>>>>{};
  }
}

/// What a collate function makes of samples; a compile-time error with one message where samples cannot be stacked.
template <class Collate, class Sample>
using CollatedBatch = typename decltype(collated<Collate, Sample>())::type;

}  // namespace detail

/// An input range of batches over an indexed dataset: gets the samples of a batch one by one and collates them.
///
/// `Dataset` is a type to keep the dataset, an lvalue reference type to refer to one that outlives the loader.
/// `Collate` is called with a `std::vector` of samples and returns a batch of any type. A batch is valid until the next
/// increment.
///
/// **Errors** on construction: `std::invalid_argument` when batch_size is below 1 or `drop_last` would leave no batch,
/// `DataError` when the dataset is empty or too small for its processes. In `begin()`: `DataError` when the sampler's
/// order does not fit. Whatever `get` and `Collate` throw.
/// **Example** `IndexedLoader loader{dataset, {.batch_size = 4}, [](std::vector<Sample> samples) { return ...; }};`
template <IndexedDataset Dataset, class Collate = StackSamples, Sampler S = OptionalShuffle>
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
        walk_(sample_count(dataset_), options, {options.shuffle, options.seed}) {}

  /// As above in the order of `sampler`; `options.seed` is then not used.
  ///
  /// **Errors** `std::invalid_argument` when `options.shuffle` is set too.
  IndexedLoader(Dataset&& dataset, const LoaderOptions& options, Collate collate, S sampler)
      : dataset_(std::forward<Dataset>(dataset)),
        collate_(std::move(collate)),
        walk_(sample_count(dataset_), options, std::move(sampler)) {
    detail::check_no_shuffle(options);
  }

  IndexedLoader(IndexedLoader&&) = default;
  IndexedLoader& operator=(IndexedLoader&&) = default;
  IndexedLoader(const IndexedLoader&) = delete;  // an epoch has one place, and the batch in use one owner
  IndexedLoader& operator=(const IndexedLoader&) = delete;
  ~IndexedLoader() = default;

  /// Starts the next epoch.
  [[nodiscard]] Iterator begin() {
    walk_.start();
    advance();
    return Iterator(*this);
  }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

  /// The number of batches in an epoch, the same in each process.
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(walk_.batches()); }
  /// Samples in a batch: the option, or as many as there are where it asks for more.
  [[nodiscard]] std::int64_t batch_size() const { return walk_.batch_size(); }
  /// Puts rows that were gathered from all processes into the dataset's order; see `hone::stored_order`.
  [[nodiscard]] at::Tensor stored_order() const { return hone::stored_order(walk_.samples(), walk_.options()); }
  [[nodiscard]] const DataShare& share() const { return walk_.share(); }

  /// Chooses the epoch that the next `begin()` starts; without it epochs count up from 0.
  void set_epoch(std::int64_t epoch) { walk_.set_epoch(epoch); }
  /// In an epoch that goes on, passes over the next `count` batches without making them: the one at hand
  /// is no longer to be used, an increment makes the one after them.
  void skip(std::int64_t count) { walk_.skip(count); }

  /// In an epoch that has begun, goes on after the first `samples` samples of its order, those of all processes,
  /// whatever batches they were in: the batch at hand is no longer to be used, an increment makes the first of those
  /// that the rest is cut into. After whole steps of this loader that is where `skip` would lead.
  ///
  /// **Errors** `DataError` when the epoch has fewer, or leaves fewer than there are processes (unless `drop_last`).
  void go_on_after(std::int64_t samples) { walk_.go_on_after(samples); }
  /// The number of batches in an epoch that goes on after `samples` samples.
  [[nodiscard]] std::int64_t batches_after(std::int64_t samples) const { return walk_.batches_after(samples); }
  /// How many samples of an epoch's order have passed, in all processes, after `batches` batches; of an epoch that went
  /// on after `samples`, those included.
  [[nodiscard]] std::int64_t samples_after(std::int64_t batches, std::int64_t samples = 0) const {
    return walk_.samples_after(batches, samples);
  }

 private:
  friend Iterator;

  [[nodiscard]] bool done() const { return walk_.done(); }
  [[nodiscard]] Batch& current() { return *batch_; }

  void advance() {
    if (!walk_.advance()) return;
    std::vector<Sample> samples;
    samples.reserve(static_cast<std::size_t>(walk_.width()));
    const auto* indices = walk_.indices();
    for (std::int64_t i = 0; i < walk_.width(); ++i) {
      samples.push_back(detail::get_sample(dataset_, indices == nullptr ? walk_.first() + i : indices[i]));
    }
    if constexpr (std::invocable<Collate&, std::vector<Sample>>) {
      batch_.emplace(std::invoke(collate_, std::move(samples)));
    }
  }

  Dataset dataset_;
  Collate collate_;
  detail::EpochWalk<S> walk_;
  std::optional<Batch> batch_;
};

template <class Dataset>
IndexedLoader(Dataset&&, LoaderOptions) -> IndexedLoader<Dataset>;
template <class Dataset, class Collate>
IndexedLoader(Dataset&&, LoaderOptions, Collate) -> IndexedLoader<Dataset, Collate>;
template <class Dataset, class Collate, class S>
IndexedLoader(Dataset&&, LoaderOptions, Collate, S) -> IndexedLoader<Dataset, Collate, S>;

}  // namespace hone
