// SPDX-License-Identifier: Apache-2.0
/// The device that this program was built for: the first GPU with HONE_WITH_CUDA, else the CPU.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>

c10::Device device();
/// As its maker calls it.
std::string device_name();
/// Of CUDA's runtime, such as `13.0`; empty on the CPU.
std::string runtime_version();
/// Returns when the device has done all that it was asked to.
void synchronize();
/// Gives memory that is not in use back to the device, for the other processes.
void release_memory();
/// Bytes that this process has taken of the device: the most at one time since the last `forget_peak`. 0 on the CPU.
/// (Tensors alone would leave out what a recorded step uses.)
std::int64_t peak_bytes();
void forget_peak();
/// How often this process has made its host wait for the device: cudaStreamSynchronize, cudaDeviceSynchronize,
/// cudaEventSynchronize and cudaMemcpy, whoever called them.
std::int64_t waits();
