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

std::atomic<std::int64_t> num_syncs{0};

/// Counts a host synchronization, and returns the function of the CUDA runtime with this name.
template <class Function>
Function* counted(const char* name) {
  ++num_syncs;
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// LibTorch calls these functions instead of the functions of the CUDA runtime.
extern "C" {
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return counted<decltype(cudaStreamSynchronize)>("cudaStreamSynchronize")(stream);
}
cudaError_t cudaDeviceSynchronize() { return counted<decltype(cudaDeviceSynchronize)>("cudaDeviceSynchronize")(); }
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return counted<decltype(cudaEventSynchronize)>("cudaEventSynchronize")(event);
}
cudaError_t cudaMemcpy(void* destination, const void* source, std::size_t bytes, cudaMemcpyKind kind) {
  return counted<decltype(cudaMemcpy)>("cudaMemcpy")(destination, source, bytes, kind);
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
void reset_peak_bytes() { c10::cuda::CUDACachingAllocator::resetPeakStats(0); }
std::int64_t host_syncs() { return num_syncs; }

#else

c10::Device device() { return {c10::kCPU}; }
std::string device_name() { return "cpu"; }
std::string runtime_version() { return {}; }
void synchronize() {}
void release_memory() {}
std::int64_t peak_bytes() { return 0; }
void reset_peak_bytes() {}
std::int64_t host_syncs() { return 0; }

#endif
