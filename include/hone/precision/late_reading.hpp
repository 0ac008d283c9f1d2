// SPDX-License-Identifier: Apache-2.0
/// A number on a device, read without waiting for it.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdint>
#include <memory>

namespace hone {

/// Reads a tensor of one float every so often: a copy is set on its way to the host, and is looked at once it is known
/// to have come. What it says is old by then; nobody waits.
///
/// On the CPU the number is read where it is. `Event` is what tells when the copy is done.
///
/// **Units** every: calls of `value` from one copy to the next.
/// **Cost** one small copy in `every` calls, and a question to the event after that until it has happened.
template <class Event = c10::Event>
class LateReading {
 public:
  explicit LateReading(std::int64_t every = 16) : every_(every) {}
  LateReading(LateReading&&) noexcept = default;
  LateReading& operator=(LateReading&&) noexcept = default;
  LateReading(const LateReading& other) : every_(other.every_) {}  ///< A copy has read nothing yet.
  LateReading& operator=(const LateReading&) = delete;
  ~LateReading() = default;

  /// The newest value that is known; 0 until there is one. `number`: a float32 tensor without dimensions.
  [[nodiscard]] float value(const at::Tensor& number) {
    if (number.is_cpu()) return *static_cast<const float*>(number.const_data_ptr());
    return value(number, number.device());
  }
  /// The same by way of a copy and an event of `device`, whatever the tensor's own is.
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
