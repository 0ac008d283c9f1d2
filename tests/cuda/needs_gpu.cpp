// SPDX-License-Identifier: Apache-2.0
/// Exits as skipped before the first test if there is no GPU.
#include <c10/cuda/CUDAFunctions.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "hone/core/error.hpp"
#include "hone/devices/cuda.hpp"

namespace {

/// Returns whether `require` throws the expected error with CUDA but without a GPU.
bool is_invalid() {
  try {
    hone::Cuda<0>{}.require();
  } catch (const hone::DeviceError& error) {
    std::puts(error.what());
    return std::string_view(error.what())
        .starts_with("The trainer's device is cuda, and LibTorch finds no such device");
  }
  return false;
}

[[maybe_unused]] const bool has_gpu = [] {
  if (c10::cuda::device_count() > 0) return true;
  const bool is_right = is_invalid();
  std::puts("There is no GPU here. The tests that need one are skipped.");
  std::fflush(stdout);
  std::_Exit(is_right ? 77 : 1);
}();

}  // namespace
