// SPDX-License-Identifier: Apache-2.0
#include "device.hpp"

#ifdef HONE_WITH_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <atomic>

namespace {

std::atomic<std::int64_t> waits_of_host{0};

/// The runtime's own function of that name, behind the one here.
template <class Function>
Function* behind(const char* name) {
  ++waits_of_host;
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// LibTorch finds these before those of the runtime.
extern "C" {
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return behind<decltype(cudaStreamSynchronize)>("cudaStreamSynchronize")(stream);
}
cudaError_t cudaDeviceSynchronize() { return behind<decltype(cudaDeviceSynchronize)>("cudaDeviceSynchronize")(); }
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return behind<decltype(cudaEventSynchronize)>("cudaEventSynchronize")(event);
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return behind<decltype(cudaMemcpy)>("cudaMemcpy")(to, from, bytes, kind);
}
}

c10::Device device() { return {c10::kCUDA, 0}; }
std::string device_name() { return c10::cuda::device_count() > 0 ? at::cuda::getDeviceProperties(0)->name : "no GPU"; }
std::string runtime_version() { return fmt::format("{}.{}", CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10); }
void synchronize() { c10::cuda::device_synchronize(); }
void release_memory() { c10::cuda::CUDACachingAllocator::emptyCache(); }
std::int64_t peak_bytes() {
  using c10::CachingAllocator::StatType;
  return c10::cuda::CUDACachingAllocator::getDeviceStats(0)
      .reserved_bytes[static_cast<std::size_t>(StatType::AGGREGATE)]
      .peak;
}
void forget_peak() { c10::cuda::CUDACachingAllocator::resetPeakStats(0); }
std::int64_t waits() { return waits_of_host; }

#else

c10::Device device() { return {c10::kCPU}; }
std::string device_name() { return "cpu"; }
std::string runtime_version() { return {}; }
void synchronize() {}
void release_memory() {}
std::int64_t peak_bytes() { return 0; }
void forget_peak() {}
std::int64_t waits() { return 0; }

#endif
