// SPDX-License-Identifier: Apache-2.0
/// Uses all of it.
#include <torch/types.h>

#include <hone/hone.hpp>

int main() { return torch::ones({2}).sum().item<int>() == 2 ? 0 : 1; }
