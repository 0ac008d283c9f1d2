// SPDX-License-Identifier: Apache-2.0
/// The autocast state, stored and restored so that a forward pass can run again with the same casts.
#pragma once

#include <ATen/autocast_mode.h>
#include <c10/core/Device.h>

namespace hone::detail {

/// The autocast state of this thread for the CPU and one device type: enabled or not, dtype, and use of the cache.
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

/// RAII: restores `state`; the destructor restores the previous state and, outside other autocast scopes, clears the
/// cache of cast weights.
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
