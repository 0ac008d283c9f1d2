// SPDX-License-Identifier: Apache-2.0
/// Fuzz test of `read_safetensors`: any bytes give readable tensors or a `DataError`.
#include "hone/checkpoint/safetensors.hpp"

#include "input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const InputFile file(data, size);
  try {
    const auto contents = hone::read_safetensors(file.path());
    for (const auto& [name, tensor] : contents.tensors) (void)tensor.get<at::Tensor>().clone();
  } catch (const hone::DataError&) {
  }
  return 0;
}
