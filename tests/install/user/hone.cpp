// SPDX-License-Identifier: Apache-2.0
/// Uses hone::hone.
#include <torch/types.h>

#include <hone/hone.hpp>

#ifndef HONE_COMPILED_LIB
#error "hone::hone does not use its library"
#endif

int main() { return torch::ones({2}).sum().item<int>() == 2 ? 0 : 1; }
