// SPDX-License-Identifier: Apache-2.0
/// Two streams of a device: the caller's current stream, which computes, and a separate stream for copies.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace hone {

/// The operations on streams and memory that `PrefetchToDevice` needs. An event completes when all work that was
/// submitted to its stream before it was recorded has completed. One that was never recorded is complete.
///
/// The compute stream is the thread's current stream at the time of each call.
class DeviceStreams {
 public:
  using Event = c10::Event;

  /// Takes a copy stream that is not the current stream.
  /// **Cost** none: LibTorch takes the copy stream from a pool.
  explicit DeviceStreams(c10::Device device)
      : device_(device), kind_(device.type()), copying_(kind_.getNewStream(device)) {
    if (copying_ == computing()) copying_ = kind_.getNewStream(device);  // the pool returned the caller's stream
  }

  [[nodiscard]] Event event() const { return Event(device_.type()); }

  /// Records the event in the compute stream.
  void record_in_compute(Event& event) const { event.record(computing()); }
  void record_in_copy(Event& event) const { event.record(copying_); }  ///< Records the event in the copy stream.
  /// Makes later work of the compute stream wait for the event.
  void compute_waits_for(const Event& event) const { event.block(computing()); }
  void copy_waits_for(const Event& event) const { event.block(copying_); }  ///< Makes later copies wait for the event.
  /// Blocks the host until the event completes.
  static void host_waits_for(const Event& event) { event.synchronize(); }

  /// Returns uninitialized pinned host memory with the dtype and shape of `tensor`, and its strides if it is dense.
  [[nodiscard]] static at::Tensor pinned(const at::Tensor& tensor) { return memory(tensor, at::kCPU, true); }
  /// Returns such memory on the device. It is allocated on the compute stream: once freed, later work of that stream
  /// can reuse it.
  [[nodiscard]] at::Tensor buffer(const at::Tensor& tensor) const { return memory(tensor, device_, false); }

  /// Submits a copy to the copy stream, asynchronous to the host.
  void copy(const at::Tensor& to, const at::Tensor& from) const {
    const c10::StreamGuard current(copying_);
    to.copy_(from, /*non_blocking=*/true);
  }

 private:
  [[nodiscard]] c10::Stream computing() const { return kind_.getStream(device_); }

  static at::Tensor memory(const at::Tensor& tensor, c10::Device device, bool pinned) {
    const auto options = at::TensorOptions().dtype(tensor.scalar_type()).device(device).pinned_memory(pinned);
    return tensor.is_non_overlapping_and_dense() ? at::empty_strided(tensor.sizes(), tensor.strides(), options)
                                                 : at::empty(tensor.sizes(), options);
  }

  c10::Device device_;
  c10::impl::VirtualGuardImpl kind_;
  c10::Stream copying_;
};

}  // namespace hone
