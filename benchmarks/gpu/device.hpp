// SPDX-License-Identifier: Apache-2.0
/// The device that this program is built for: the first GPU with HONE_WITH_CUDA, else the CPU.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>

c10::Device device();
/// The product name of the device.
std::string device_name();
/// The version of the CUDA runtime, such as `13.0`, or empty on the CPU.
std::string runtime_version();
/// Blocks until the device has finished all work.
void synchronize();
/// Returns the unused memory of the caching allocator to the device.
void release_memory();
/// Returns the peak of the device memory that the caching allocator has reserved since the last `reset_peak_bytes`, or
/// 0 on the CPU. Unlike the size of all tensors, this includes the memory of captured steps.
std::int64_t peak_bytes();
void reset_peak_bytes();
/// Returns the number of host synchronizations of this process so far: calls of cudaStreamSynchronize,
/// cudaDeviceSynchronize, cudaEventSynchronize and cudaMemcpy, including calls by libraries.
std::int64_t host_syncs();
