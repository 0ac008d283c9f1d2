// SPDX-License-Identifier: Apache-2.0
/// Needs the compiler's OpenMP library: the library in LibTorch's wheel lacks this function of OpenMP 5.
#include <ATen/Parallel.h>
#include <omp.h>

int main() {
  int sum = 0;
#pragma omp parallel for reduction(+ : sum)
  for (int i = 0; i < 10; ++i) sum += i;
  return sum == 45 && omp_get_supported_active_levels() > 0 && at::get_num_threads() > 0 ? 0 : 1;
}
