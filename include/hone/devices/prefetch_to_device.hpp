// SPDX-License-Identifier: Apache-2.0
/// Transfer policy that copies the next batches to the device while it computes.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/GradMode.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "hone/core/require.hpp"
#include "hone/core/slots.hpp"
#include "hone/data/batch.hpp"
#include "hone/data/batch_iterator.hpp"
#include "hone/data/loader.hpp"
#include "hone/data/prefetch.hpp"
#include "hone/devices/device_streams.hpp"
#include "hone/policies/device.hpp"

namespace hone {

namespace detail {

/// Pinned and device memory for one tensor of a batch, reused for the next tensor that fits into it.
template <class Streams>
class Staged {
 public:
  /// Allocates device memory unless `tensor` fits into the existing memory. Returns whether it did.
  bool make_room(const Streams& streams, const at::Tensor& tensor) {
    if (has_room(tensor)) return false;
    buffer_ = streams.buffer(tensor);
    pinned_.reset();
    return true;
  }
  /// Starts the copy of `tensor` and returns its destination on the device.
  at::Tensor put(const Streams& streams, const at::Tensor& tensor) {
    const auto to = rows(buffer_, tensor);
    if (!tensor.is_cpu()) {
      streams.copy(to, tensor);
    } else {
      if (!pinned_.defined()) pinned_ = streams.pinned(buffer_);
      const auto from = rows(pinned_, tensor);
      from.copy_(tensor);
      streams.copy(to, from);
    }
    return to;
  }

 private:
  [[nodiscard]] bool has_room(const at::Tensor& tensor) const {
    if (!buffer_.defined() || buffer_.scalar_type() != tensor.scalar_type() || buffer_.dim() != tensor.dim())
      return false;
    if (tensor.dim() == 0) return true;
    const bool lies_so =
        tensor.is_non_overlapping_and_dense() ? buffer_.strides() == tensor.strides() : buffer_.is_contiguous();
    return lies_so && buffer_.size(0) >= tensor.size(0) && buffer_.sizes().slice(1) == tensor.sizes().slice(1);
  }
  static at::Tensor rows(const at::Tensor& whole, const at::Tensor& tensor) {
    return tensor.dim() == 0 || whole.size(0) == tensor.size(0) ? whole : whole.slice(0, 0, tensor.size(0));
  }

  at::Tensor pinned_, buffer_;
};

}  // namespace detail

/// An input range over the batches of another range, copied to the device up to `depth` batches ahead of the current
/// one. Supports one pass at a time.
///
/// Each host batch is copied to pinned memory and from there, on a separate stream, to device memory; both are reused.
/// The compute stream waits for the copy of a batch. The next copy into the same memory waits for the work that was
/// submitted to the compute stream before the increment. The host waits only before it overwrites pinned memory whose
/// copy, `depth + 1` batches earlier, is pending. A batch is valid until the next increment.
///
/// Batches with all tensors on the device are passed on without a copy. If the first batch is one, the range is
/// iterated without prefetching.
///
/// **Units** depth: batches, at least 1.
/// **Cost** one copy within host memory per batch; pinned memory and device memory for `depth + 1` batches.
/// **Errors** `std::invalid_argument` for a depth below 1; an exception of the range is rethrown when its batch is due.
template <BatchRange R, class Streams = DeviceStreams>
class PrefetchedToDevice {
 public:
  using Batch = BatchOf<R>;
  using Iterator = BatchIterator<PrefetchedToDevice, Batch>;

  /// Refers to `range`, which must outlive this object.
  PrefetchedToDevice(R& range, c10::Device device, std::int64_t depth)
      : PrefetchedToDevice(range, device, depth, Streams(device)) {}
  PrefetchedToDevice(R& range, c10::Device device, std::int64_t depth, Streams streams)
      : range_(range), device_(device), streams_(std::move(streams)) {
    detail::require_at_least("PrefetchToDevice::depth", depth, 1);
    for (std::int64_t i = 0; i <= depth; ++i) slots_.emplace_back(streams_);
  }
  PrefetchedToDevice(const PrefetchedToDevice&) = delete;
  PrefetchedToDevice& operator=(const PrefetchedToDevice&) = delete;
  ~PrefetchedToDevice() {
    try {
      end_pass();
    } catch (...) {  // the device has failed: pending copies are lost
    }
  }

  [[nodiscard]] Iterator begin() {
    end_pass();
    place_.reset();
    made_ = used_ = 0;
    is_over_ = passes_on_ = false;
    error_ = nullptr;
    fill();
    enter();
    return Iterator(*this);
  }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  friend Iterator;

  struct Slot {
    explicit Slot(const Streams& streams) : copied(streams.event()), used(streams.event()) {}

    std::optional<Batch> batch;
    std::vector<detail::Staged<Streams>> memory;
    typename Streams::Event copied;  ///< The copy of the batch is complete.
    typename Streams::Event used;    ///< The previous batch in the memory is out of use.
    bool is_under_way = false;       ///< The compute stream has not waited for `copied`.
  };

  [[nodiscard]] bool done() const { return used_ == made_; }
  [[nodiscard]] Batch& current() { return *at(used_).batch; }
  [[nodiscard]] Slot& at(std::size_t index) { return slots_[index % slots_.size()]; }

  void advance() {
    leave(at(used_));
    ++used_;
    fill();
    enter();
  }
  void enter() {
    if (!done()) {
      await(at(used_));
    } else if (error_) {
      std::rethrow_exception(std::exchange(error_, nullptr));
    }
  }
  void await(Slot& slot) {
    if (std::exchange(slot.is_under_way, false)) streams_.compute_waits_for(slot.copied);
  }
  void leave(Slot& slot) {
    if (!slot.memory.empty()) streams_.record_in_compute(slot.used);
  }
  /// Orders the compute stream after all copies, so that the memory can be freed or overwritten.
  void end_pass() {
    for (auto& slot : slots_) {
      await(slot);
      leave(slot);
    }
  }

  void fill() {
    while (!is_over_ && made_ - used_ < (passes_on_ ? 1 : slots_.size())) fetch();
  }
  void fetch() {
    try {
      if (!place_) {
        place_.emplace(range_.begin());
      } else {
        ++*place_;
      }
      if (!(*place_ != range_.end())) {
        is_over_ = true;
        return;
      }
      take(at(made_), **place_);
      ++made_;
    } catch (...) {
      error_ = std::current_exception();
      is_over_ = true;
    }
  }

  template <class Input>
  void take(Slot& slot, Input&& given) {
    if constexpr (HoldsTensors<Batch>) {
      bool is_there = true;
      for_each_tensor(given, [&](const at::Tensor& tensor) { is_there = is_there && !is_elsewhere(tensor); });
      if (made_ == 0) passes_on_ = is_there;
      if (!is_there) return put(slot, given);
    } else {
      passes_on_ = made_ == 0 || passes_on_;
    }
    slot.batch.emplace(std::forward<Input>(given));
  }
  [[nodiscard]] bool is_elsewhere(const at::Tensor& tensor) const {
    return tensor.defined() && tensor.device() != device_;
  }

  void put(Slot& slot, const Batch& given) {
    const at::NoGradGuard no_gradients;
    streams_.host_waits_for(slot.copied);  // its copy reads the pinned memory that is written now
    bool needs_compute = false, reads_device = false;
    std::size_t i = 0;
    for_each_tensor(given, [&](const at::Tensor& tensor) {
      if (!is_copied(tensor)) return;
      if (i == slot.memory.size()) slot.memory.emplace_back();
      needs_compute = slot.memory[i++].make_room(streams_, tensor) || needs_compute;
      reads_device = reads_device || !tensor.is_cpu();
    });
    if (needs_compute || reads_device) streams_.record_in_compute(slot.used);
    streams_.copy_waits_for(slot.used);
    i = 0;
    slot.batch = map_tensors(given, [&](const at::Tensor& tensor) {
      if (is_copied(tensor)) return slot.memory[i++].put(streams_, tensor.detach());
      return is_elsewhere(tensor) ? tensor.to(device_) : tensor;
    });
    streams_.record_in_copy(slot.copied);
    slot.is_under_way = true;
    if (reads_device) await(slot);  // before the range overwrites the source
  }
  /// Returns whether a tensor of a batch with tensors elsewhere is copied. One on the device is, if the range may reuse
  /// its memory.
  [[nodiscard]] bool is_copied(const at::Tensor& tensor) const {
    if (!tensor.defined() || tensor.layout() != at::kStrided || tensor.is_quantized()) return false;
    return is_elsewhere(tensor) || !makes_new_batches<R>;
  }

  R& range_;
  c10::Device device_;
  Streams streams_;
  std::vector<Slot> slots_;
  std::optional<decltype(std::declval<R&>().begin())> place_;
  std::size_t made_ = 0, used_ = 0;
  bool is_over_ = true;
  bool passes_on_ = false;  ///< The first batch is on the device: no prefetching.
  std::exception_ptr error_;
};

namespace detail {

template <class R>
struct MadeByThread {
  Prefetched<R> made;
};

/// `PrefetchedToDevice` over batches that a thread makes.
template <class R>
class MadeAndPrefetchedToDevice : MadeByThread<R>, public PrefetchedToDevice<Prefetched<R>> {
 public:
  MadeAndPrefetchedToDevice(R& range, c10::Device device, std::int64_t depth)
      : MadeByThread<R>{Prefetched<R>(range, depth)}, PrefetchedToDevice<Prefetched<R>>(this->made, device, depth) {}
};

}  // namespace detail

/// Transfer policy: copies the next batches to the device while it computes, at most `depth` ahead of the current one.
/// If making a batch is expensive, a thread makes batches ahead, as with `Prefetch`. A dataset that is on the device is
/// iterated without prefetching to it. On a device that the host can read, such as `Cpu`, this policy is `Prefetch`.
///
/// **Units** depth: batches, at least 1.
/// **Errors** `std::invalid_argument` for a depth below 1, when a run begins.
/// **Example** `hone::Trainer{model, loss, hone::Sgd{.lr = 0.1}, hone::Cuda<>{}, hone::PrefetchToDevice{}}`
struct PrefetchToDevice {
  using slot = slots::Transfer;
  std::int64_t depth = 2;

  template <class Batches, class Device>
  decltype(auto) over(Batches& batches, const Device& device) const {
    detail::require_at_least("PrefetchToDevice::depth", depth, 1);
    if constexpr (!DevicePolicy<Device> || HostAccessible<Device>) {
      return Prefetch{depth}.over(batches, device);
    } else if constexpr (makes_batches_at_once<Batches>) {
      return PrefetchedToDevice<Batches>(batches, device.device(), depth);
    } else {
      return detail::MadeAndPrefetchedToDevice<Batches>(batches, device.device(), depth);
    }
  }
};

}  // namespace hone
