// SPDX-License-Identifier: Apache-2.0
/// An adaptor of LibTorch's `DataLoader` to a range of batches.
#pragma once

#include <concepts>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

#include "hone/core/unwrap.hpp"
#include "hone/data/batch_iterator.hpp"

namespace torch::data {
template <typename Dataset, typename Batch, typename BatchRequest>
class DataLoaderBase;
}

namespace hone {

namespace detail {

template <class Dataset, class Batch, class Request>
struct DataLoaderAccess : torch::data::DataLoaderBase<Dataset, Batch, Request> {
  using Base = torch::data::DataLoaderBase<Dataset, Batch, Request>;
  /// Discards queued jobs and finished batches, waits for the batches that workers are making, and discards these too.
  static void drain(Base& loader) { (loader.*(&DataLoaderAccess::shuttle_)).drain(); }
};

/// Returns a pointer because the class is abstract.
template <class Dataset, class Batch, class Request>
DataLoaderAccess<Dataset, Batch, Request>* access_to(const torch::data::DataLoaderBase<Dataset, Batch, Request>*);

}  // namespace detail

/// A class that derives from LibTorch's `DataLoaderBase`.
template <class T>
concept TorchDataLoader = std::is_class_v<T> && requires(const T* loader) { detail::access_to(loader); };

/// An input range over the batches of LibTorch's `DataLoader`, whose iterators do not model `std::input_iterator`. A
/// pass may end after any batch, and the next `begin()` starts a new pass. A `DataLoader` with workers throws in this
/// case.
///
/// `Handle` is an lvalue reference to the loader, which must outlive this range, or a smart pointer that owns it.
///
/// **Cost** if a pass ends early, a wait for the batches that workers are making: in `begin()` or the destructor.
/// **Errors** the exceptions of the `DataLoader`.
/// **Example** `trainer.train(hone::DataLoaderBatches(*loader) | std::views::transform(augmented))`
template <class Handle>
class DataLoaderBatches {
  using Loader = UnwrapRef<std::remove_reference_t<Handle>>;
  using Access = std::remove_pointer_t<decltype(detail::access_to(static_cast<Loader*>(nullptr)))>;
  using Place = decltype(std::declval<Loader&>().begin());

 public:
  using Batch = typename Loader::BatchType;
  using Iterator = BatchIterator<DataLoaderBatches, Batch>;
  static constexpr bool makes_new_batches = true;

  explicit DataLoaderBatches(Handle&& loader) : loader_(kept(std::forward<Handle>(loader))) {}
  DataLoaderBatches(DataLoaderBatches&& other) noexcept
      : loader_(std::move(other.loader_)), is_iterated_(std::exchange(other.is_iterated_, false)) {}
  DataLoaderBatches& operator=(DataLoaderBatches&& other) noexcept {
    leave();
    loader_ = std::move(other.loader_);
    is_iterated_ = std::exchange(other.is_iterated_, false);
    return *this;
  }
  DataLoaderBatches(const DataLoaderBatches&) = delete;
  DataLoaderBatches& operator=(const DataLoaderBatches&) = delete;
  ~DataLoaderBatches() { leave(); }

  [[nodiscard]] Iterator begin() {
    place_.reset();
    auto& loader = unwrap(loader_);
    Access::drain(loader);
    is_iterated_ = true;
    place_.emplace(loader.begin());
    end_.emplace(loader.end());
    return Iterator(*this);
  }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

  /// Returns the address of the `DataLoader`, which `are_same_batches` compares.
  [[nodiscard]] const void* source() const { return &unwrap(loader_); }

 private:
  friend Iterator;

  [[nodiscard]] bool done() const { return !(*place_ != *end_); }
  [[nodiscard]] Batch& current() { return **place_; }
  void advance() { ++*place_; }

  void leave() {
    place_.reset();
    if (std::exchange(is_iterated_, false)) Access::drain(unwrap(loader_));
  }
  static auto kept(Handle&& loader) {
    if constexpr (std::is_lvalue_reference_v<Handle>) {
      return &unwrap(loader);
    } else {
      return Handle(std::forward<Handle>(loader));
    }
  }

  std::conditional_t<std::is_lvalue_reference_v<Handle>, Loader*, Handle> loader_;
  bool is_iterated_ = false;
  std::optional<Place> place_, end_;
};

template <class Handle>
DataLoaderBatches(Handle&&) -> DataLoaderBatches<Handle>;

}  // namespace hone
