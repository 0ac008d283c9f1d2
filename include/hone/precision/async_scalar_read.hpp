// SPDX-License-Identifier: Apache-2.0
/// An asynchronous read of a scalar from a device, without host synchronization.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdint>
#include <memory>

namespace hone {

/// Reads a float32 scalar periodically: starts an asynchronous copy to the host, and uses the result once an event
/// reports that the copy is complete. The result is not the current value. No call waits for the device.
///
/// On the CPU, each call reads the current value directly. `Event` is the type of the event.
///
/// **Units** every: calls of `value` from one copy to the next, not counting calls while a copy is pending.
/// **Cost** one small copy in `every` calls, and one query of the event in each call while the copy is pending.
template <class Event = c10::Event>
class AsyncScalarRead {
 public:
  explicit AsyncScalarRead(std::int64_t every = 16) : every_(every) {}
  AsyncScalarRead(AsyncScalarRead&&) noexcept = default;
  AsyncScalarRead& operator=(AsyncScalarRead&&) noexcept = default;
  AsyncScalarRead(const AsyncScalarRead& other) : every_(other.every_) {}  ///< Copies `every` only, not the value.
  AsyncScalarRead& operator=(const AsyncScalarRead&) = delete;
  ~AsyncScalarRead() = default;

  /// Returns the newest known value, or 0 before the first. `number`: a float32 tensor without dimensions.
  [[nodiscard]] float value(const at::Tensor& number) {
    if (number.is_cpu()) return *static_cast<const float*>(number.const_data_ptr());
    return value(number, number.device());
  }
  /// As above, but always with an asynchronous copy and an event of `device`, even for a tensor on the CPU.
  [[nodiscard]] float value(const at::Tensor& number, c10::Device device) {
    if (is_under_way_) {
      if (!event_->query()) return known_;
      known_ = *static_cast<const float*>(on_host_.const_data_ptr());
      is_under_way_ = false;
    }
    if (++calls_ < every_) return known_;
    calls_ = 0;
    if (!event_) {
      on_host_ = at::empty({}, at::TensorOptions(at::kFloat).pinned_memory(!number.is_cpu()));
      event_ = std::make_unique<Event>(device.type());
    }
    on_host_.copy_(number, /*non_blocking=*/true);
    event_->record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
    is_under_way_ = true;
    return known_;
  }

 private:
  std::int64_t every_;
  std::int64_t calls_ = 0;
  float known_ = 0.0F;
  bool is_under_way_ = false;
  at::Tensor on_host_;
  std::unique_ptr<Event> event_;
};

}  // namespace hone
