// SPDX-License-Identifier: Apache-2.0
/// Two streams of a device: the caller's, which computes, and one beside it, which copies.
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

/// What `PrefetchToDevice` asks of a device. An event stands for the work that a stream had been given when the event
/// was recorded; one that never was recorded stands for none.
///
/// The stream that computes is the one that is the thread's current one at each call.
class DeviceStreams {
 public:
  using Event = c10::Event;

  /// **Cost** none: the stream is one of a pool that the device's library keeps.
  explicit DeviceStreams(c10::Device device)
      : device_(device), kind_(device.type()), copying_(kind_.getNewStream(device)) {
    if (copying_ == computing()) copying_ = kind_.getNewStream(device);  // the caller's is of the same pool
  }

  [[nodiscard]] Event event() const { return Event(device_.type()); }

  void record_in_compute(Event& event) const { event.record(computing()); }
  void record_in_copy(Event& event) const { event.record(copying_); }
  void compute_waits_for(const Event& event) const { event.block(computing()); }
  void copy_waits_for(const Event& event) const { event.block(copying_); }
  static void host_waits_for(const Event& event) { event.synchronize(); }

  /// Memory like that of `tensor` on the host, which the device copies from by itself.
  [[nodiscard]] static at::Tensor pinned(const at::Tensor& tensor) { return memory(tensor, at::kCPU, true); }
  /// Memory like that of `tensor` on the device. It belongs to the stream that computes: once freed, that stream's next
  /// work may have it.
  [[nodiscard]] at::Tensor buffer(const at::Tensor& tensor) const { return memory(tensor, device_, false); }

  /// Copies in the stream that copies; the host goes on.
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
