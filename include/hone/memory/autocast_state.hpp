// SPDX-License-Identifier: Apache-2.0
/// Autocast, which a forward pass depends on beside its inputs and random numbers. Remembered, so that the same pass
/// can be run a second time.
#pragma once

#include <ATen/autocast_mode.h>
#include <c10/core/Device.h>

namespace hone::detail {

/// Autocast of the CPU and of a device.
class AutocastState {
 public:
  explicit AutocastState(c10::Device device)
      : host_(c10::kCPU), on_device_(device.type()), uses_cache_(at::autocast::is_autocast_cache_enabled()) {}

  void restore() const {
    host_.restore();
    on_device_.restore();
    at::autocast::set_autocast_cache_enabled(uses_cache_);
  }

 private:
  struct Kind {
    explicit Kind(c10::DeviceType kind)
        : type(at::autocast::is_autocast_available(kind) ? kind : c10::kCPU),
          enabled(at::autocast::is_autocast_enabled(type)),
          format(at::autocast::get_autocast_dtype(type)) {}
    void restore() const {
      at::autocast::set_autocast_enabled(type, enabled);
      at::autocast::set_autocast_dtype(type, format);
    }
    c10::DeviceType type;
    bool enabled;
    at::ScalarType format;
  };

  Kind host_, on_device_;
  bool uses_cache_;
};

/// While it lives, autocast is as it was at `state`; weights that were cast in it are cast anew the next time.
class AutocastReplay {
 public:
  AutocastReplay(const AutocastState& state, c10::Device device) : before_(device) {
    at::autocast::increment_nesting();
    state.restore();
  }
  AutocastReplay(const AutocastReplay&) = delete;
  AutocastReplay& operator=(const AutocastReplay&) = delete;
  ~AutocastReplay() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    before_.restore();
  }

 private:
  AutocastState before_;
};

}  // namespace hone::detail
