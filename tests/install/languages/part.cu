// SPDX-License-Identifier: Apache-2.0
#include <torch/version.h>

#include <hone/core/version.hpp>

__global__ void kernel(int* value) { *value = TORCH_VERSION_MAJOR; }

// Never launched, since the machine may have no GPU.
int from_cuda() { return reinterpret_cast<void*>(&kernel) != nullptr ? HONE_VERSION_MAJOR : -1; }
