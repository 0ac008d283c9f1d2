// SPDX-License-Identifier: Apache-2.0
/// Asynchronous prefetching of batches on a background thread.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/GradMode.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/require.hpp"
#include "hone/core/slots.hpp"
#include "hone/data/batch.hpp"
#include "hone/data/batch_iterator.hpp"
#include "hone/data/epoch_scope.hpp"
#include "hone/data/loader.hpp"

namespace hone {

/// An input range over the batches of another range, which a background thread iterates over. The thread buffers at
/// most `depth` batches after the current batch. One pass runs at a time. The thread starts in `begin()` and stops at
/// the end of the pass, in the next `begin()` or in the destructor.
///
/// A batch is valid until the next increment. Batches are copied into reused buffers, except new batches
/// (`makes_new_batches`) and tensors that only a temporary batch owns, which are moved.
///
/// **Units** depth: batches, at least 1.
/// **Cost** for each batch two locks, and a wait unless it is ready; memory for `depth + 1` batches.
/// **Errors** `std::invalid_argument` for a depth below 1. `begin()` or the increment rethrows an exception of the
/// range in place of the batch that the range failed to make.
template <BatchRange R>
class Prefetched {
  using Input = decltype(*std::declval<R&>().begin());

 public:
  using Batch = BatchOf<R>;
  using Iterator = BatchIterator<Prefetched, Batch>;

  /// Refers to `range`, which must outlive this object.
  Prefetched(R& range, std::int64_t depth) : range_(range) {
    detail::require_at_least("Prefetch::depth", depth, 1);
    slots_.resize(static_cast<std::size_t>(depth) + 1);
  }
  Prefetched(const Prefetched&) = delete;
  Prefetched& operator=(const Prefetched&) = delete;
  ~Prefetched() { stop(); }

  [[nodiscard]] Iterator begin() {
    stop();
    made_ = used_ = 0;
    is_over_ = is_stopped_ = false;
    error_ = nullptr;
    worker_ = std::thread([this, gradients = c10::GradMode::is_enabled(), epoch = EpochScope::current()] {
      const at::AutoGradMode mode(gradients);
      const EpochScope scope(epoch);
      walk();
    });
    wait();
    return Iterator(*this);
  }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  friend Iterator;

  [[nodiscard]] bool done() const { return used_ == made_seen_; }
  [[nodiscard]] Batch& current() { return *slots_[used_ % slots_.size()]; }

  void advance() {
    {
      const std::lock_guard lock(mutex_);
      ++used_;
    }
    changed_.notify_all();
    wait();
  }
  /// Waits until the next batch is ready or the range has ended. Rethrows an exception of the range.
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return made_ > used_ || is_over_; });
    made_seen_ = made_;
    if (made_ == used_ && error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }
  void stop() {
    if (!worker_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      is_stopped_ = true;
    }
    changed_.notify_all();
    worker_.join();
  }

  // ------------------------------------------------------------------------------------------ on the worker's thread

  void walk() {
    try {
      const auto end = range_.end();
      for (auto batch = range_.begin(); has_room() && batch != end; ++batch) {
        put(slots_[made_ % slots_.size()], *batch);
        {
          const std::lock_guard lock(mutex_);
          ++made_;
        }
        changed_.notify_all();
      }
    } catch (...) {
      error_ = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
  }
  /// Waits for a free slot. Returns false if the pass was stopped.
  bool has_room() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return made_ - used_ < slots_.size() || is_stopped_; });
    return !is_stopped_;
  }
  static void put(std::optional<Batch>& slot, Input&& batch) {
    if constexpr (makes_new_batches<R> || (!std::is_lvalue_reference_v<Input> && !HoldsTensors<Batch>)) {
      slot.emplace(std::move(batch));
    } else if constexpr (HoldsTensors<Batch>) {
      std::vector<at::Tensor> buffers;
      if (slot) for_each_tensor(*slot, [&](at::Tensor& tensor) { buffers.push_back(tensor); });
      auto buffer = buffers.begin();
      slot = map_tensors(batch, [&](const at::Tensor& tensor) {
        const auto before = buffer == buffers.end() ? at::Tensor() : *buffer++;
        if constexpr (!std::is_lvalue_reference_v<Input>) {
          if (is_sole_owner(tensor)) return tensor;
        }
        return copied(tensor, before);
      });
    } else {
      slot.emplace(batch);
    }
  }
  /// Returns whether only a temporary batch owns `tensor` and its storage. A second handle is the copy in
  /// `map_tensors`.
  static bool is_sole_owner(const at::Tensor& tensor) {
    return tensor.defined() && tensor.has_storage() && tensor.use_count() <= 2 && tensor.storage().use_count() == 1;
  }
  static at::Tensor copied(const at::Tensor& tensor, at::Tensor buffer) {
    if (!tensor.defined()) return tensor;
    if (!buffer.defined() || buffer.sizes() != tensor.sizes() || buffer.dtype() != tensor.dtype() ||
        buffer.device() != tensor.device() || buffer.requires_grad()) {
      buffer = at::empty_like(tensor);
    }
    return buffer.copy_(tensor.detach());
  }

  R& range_;
  std::vector<std::optional<Batch>> slots_;
  std::mutex mutex_;  // guards `made_`, `used_`, `is_over_` and `is_stopped_` while the worker runs
  std::condition_variable changed_;
  std::size_t made_ = 0, used_ = 0;
  bool is_over_ = true, is_stopped_ = false;
  std::exception_ptr error_;
  std::size_t made_seen_ = 0;
  std::thread worker_;
};

/// Transfer policy: makes up to `depth` batches on a background thread while the step computes. Use it if making a
/// batch is expensive, as for datasets with `get(i)`. It is a no-op for ranges with `makes_batches_at_once`, such as
/// `TensorLoader`: copying rows is faster than passing a batch between threads.
///
/// Only the background thread iterates over the range. The global generator then has two concurrent users, the trainer
/// and a dataset that draws from it. For reproducible draws, use a separate generator in the dataset.
///
/// **Units** depth: batches, at least 1.
/// **Errors** `std::invalid_argument` for a depth below 1, when a pass begins.
/// **Example** `hone::Trainer{model, loss, hone::Sgd{.lr = 0.1}, hone::Prefetch{.depth = 4}}`
struct Prefetch {
  using slot = slots::Transfer;
  std::int64_t depth = 2;

  template <class Batches, class Device>
  decltype(auto) over(Batches& batches, const Device& /*device*/) const {
    detail::require_at_least("Prefetch::depth", depth, 1);
    if constexpr (makes_batches_at_once<Batches>) {
      return (batches);
    } else {
      return Prefetched<Batches>(batches, depth);
    }
  }
};

}  // namespace hone
