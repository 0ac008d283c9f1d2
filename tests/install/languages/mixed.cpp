// SPDX-License-Identifier: Apache-2.0
/// Calls LibTorch and functions in other languages.
#include <ATen/Parallel.h>
#include <c10/core/Device.h>

#include <hone/core/version.hpp>

extern "C" int from_c();
extern "C" int from_assembly;

#ifdef WITH_CUDA
int from_cuda();
#else
int from_cuda() { return HONE_VERSION_MAJOR; }
#endif

extern "C" int failures() {
  const bool is_right = c10::Device("cpu").is_cpu() && at::get_num_threads() > 0 && from_c() == 1 &&
                        from_assembly == 2 && from_cuda() == HONE_VERSION_MAJOR;
  return is_right ? 0 : 1;
}

#ifndef WITH_FORTRAN
int main() { return failures(); }
#endif
