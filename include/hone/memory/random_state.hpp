// SPDX-License-Identifier: Apache-2.0
/// The states of LibTorch's random generators, stored and restored to draw the same numbers again.
#pragma once

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <mutex>

namespace hone::detail {

/// The states of the default generators of the CPU and of one device.
class RandomState {
 public:
  explicit RandomState(c10::Device device) : device_(device), host_(read(c10::kCPU)) {
    if (!device.is_cpu()) on_device_ = read(device);
  }
  void restore() const {
    write(c10::kCPU, host_);
    if (on_device_.defined()) write(device_, on_device_);
  }

 private:
  static at::Tensor read(c10::Device device) {
    auto generator = at::globalContext().defaultGenerator(device);
    const std::lock_guard lock(generator.mutex());
    return generator.get_state();
  }
  static void write(c10::Device device, const at::Tensor& state) {
    auto generator = at::globalContext().defaultGenerator(device);
    const std::lock_guard lock(generator.mutex());
    generator.set_state(state);
  }

  c10::Device device_;
  at::Tensor host_, on_device_;
};

/// RAII: restores the generators to `state`; the destructor restores their previous states.
class RandomReplay {
 public:
  RandomReplay(const RandomState& state, c10::Device device) : before_(device) { state.restore(); }
  RandomReplay(const RandomReplay&) = delete;
  RandomReplay& operator=(const RandomReplay&) = delete;
  ~RandomReplay() { before_.restore(); }

 private:
  RandomState before_;
};

}  // namespace hone::detail
