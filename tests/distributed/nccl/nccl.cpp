// SPDX-License-Identifier: Apache-2.0
/// Checks that Nccl compiles and links, and its error without a GPU. Runs without a launcher, as rank 0 of 1.
#include "hone/distributed/nccl.hpp"

#include <cstdio>
#include <string_view>

int main() {
  try {
    const hone::ProcessGroup group = hone::Nccl{};
    std::puts(group.device().str().c_str());
    return group.device() == at::Device(at::kCUDA, 0) && group.world_size() == 1 ? 0 : 1;
  } catch (const hone::DistributedError& error) {
    std::puts(error.what());
    return std::string_view(error.what())
                   .starts_with("Nccl: rank 0 of 1 needs GPU 0 of its machine, but the number of GPUs is 0.")
               ? 0
               : 1;
  }
}
