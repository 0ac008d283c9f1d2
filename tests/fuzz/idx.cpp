// SPDX-License-Identifier: Apache-2.0
/// Fuzz test of `read_idx`: any bytes give a tensor or a `DataError`.
#include "hone/data/idx.hpp"

#include "input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const InputFile file(data, size);
  try {
    (void)hone::read_idx(file.path()).sum();
  } catch (const hone::DataError&) {
  }
  return 0;
}
