// SPDX-License-Identifier: Apache-2.0
/// Ends the program as skipped, before its first test, where there is no GPU.
#include <c10/cuda/CUDAFunctions.h>

#include <cstdio>
#include <cstdlib>

namespace {

[[maybe_unused]] const bool needs_gpu = [] {
  if (c10::cuda::device_count() > 0) return true;
  std::puts("There is no GPU here. The tests that need one are skipped.");
  std::fflush(stdout);
  std::_Exit(77);
}();

}  // namespace
