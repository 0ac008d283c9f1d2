// SPDX-License-Identifier: Apache-2.0
/// Ends the program as skipped, before its first test, where there is no GPU.
#include <c10/cuda/CUDAFunctions.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "hone/core/error.hpp"
#include "hone/devices/cuda.hpp"

namespace {

/// What is said in a program that has CUDA, on a machine that has no GPU.
bool is_refused() {
  try {
    hone::Cuda<0>{}.require();
  } catch (const hone::DeviceError& error) {
    std::puts(error.what());
    return std::string_view(error.what()).starts_with("The trainer's device is cuda, and LibTorch finds none");
  }
  return false;
}

[[maybe_unused]] const bool has_gpu = [] {
  if (c10::cuda::device_count() > 0) return true;
  const bool is_right = is_refused();
  std::puts("There is no GPU here. The tests that need one are skipped.");
  std::fflush(stdout);
  std::_Exit(is_right ? 77 : 1);
}();

}  // namespace
