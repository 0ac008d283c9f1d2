// SPDX-License-Identifier: Apache-2.0
/// RAII guards that restore the number of threads and the random generators.
#pragma once

#include <ATen/Parallel.h>

#include "hone/checkpoint/generator_state.hpp"

namespace hone {

/// Sets the number of threads for LibTorch's operators that this thread calls; 0 changes nothing. Restores the number.
class ThreadGuard {
 public:
  /// Sets the number of threads.
  explicit ThreadGuard(int num_threads)
      : before_(at::get_num_threads()), changed_(num_threads > 0 && num_threads != before_) {
    if (changed_) at::set_num_threads(num_threads);
  }
  ThreadGuard(const ThreadGuard&) = delete;
  ThreadGuard& operator=(const ThreadGuard&) = delete;
  ~ThreadGuard() {
    if (changed_) at::set_num_threads(before_);
  }

 private:
  int before_;
  bool changed_;
};

/// Restores the states of LibTorch's random generators for the CPU and for `device` at the end of its lifetime.
class GeneratorGuard {
 public:
  /// Saves the states.
  explicit GeneratorGuard(c10::Device device) : device_(device), host_before_(generator_state()) {
    if (!device.is_cpu()) device_before_ = generator_state(device);
  }
  GeneratorGuard(const GeneratorGuard&) = delete;
  GeneratorGuard& operator=(const GeneratorGuard&) = delete;
  ~GeneratorGuard() {
    set_generator_state(host_before_);
    if (device_before_.defined()) set_generator_state(device_before_, device_);
  }

 private:
  c10::Device device_;
  at::Tensor host_before_, device_before_;
};

}  // namespace hone
