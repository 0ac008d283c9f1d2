// SPDX-License-Identifier: Apache-2.0
/// The parts of a trainer that depend on what this program was built with.
#pragma once

#include "hone/hone.hpp"
#if __has_include("hone/precision/mixed.hpp")
#include "hone/precision/mixed.hpp"
#endif
#ifdef HONE_WITH_CUDA
#if __has_include("hone/capture/step_capture.hpp")
#include "hone/capture/step_capture.hpp"
#define HONE_BENCH_CAPTURES
#endif
#if __has_include("hone/devices/cuda.hpp")
#include "hone/devices/cuda.hpp"
#endif
#if __has_include("hone/devices/prefetch_to_device.hpp")
#include "hone/devices/prefetch_to_device.hpp"
#define HONE_BENCH_PREFETCHES
#endif
#endif

namespace parts {

#ifndef HONE_WITH_CUDA
using Device = hone::Cpu;
#elif __has_include("hone/devices/cuda.hpp")
using Device = hone::Cuda<>;
#else
struct Device {
  using slot = hone::slots::Device;
  static constexpr bool host_readable = false;
  [[nodiscard]] static c10::Device device() { return {c10::kCUDA, 0}; }
  template <class Batch>
  static auto move(Batch& batch) {
    return hone::map_tensors(batch, [](const at::Tensor& tensor) { return tensor.to(device()); });
  }
};
#endif

#if __has_include("hone/precision/mixed.hpp")
using Bf16 = hone::Bf16;
#else
using Bf16 = hone::Fp32;
#endif

}  // namespace parts
