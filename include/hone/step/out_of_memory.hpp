// SPDX-License-Identifier: Apache-2.0
/// Telling that memory ran out from other errors, and trying again with less.
#pragma once

#include <ATen/DeviceAccelerator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>

#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "hone/core/sentence.hpp"

namespace hone {

/// True when `error`, or one that is nested in it, says that memory ran out: the host's, a device's, or that of one of
/// the device's libraries.
[[nodiscard]] inline bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return true;
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) return true;
  if (const auto* torch = dynamic_cast<const c10::Error*>(&error)) {
    const std::string text = torch->what_without_backtrace();
    for (const std::string_view sign :
         {"DefaultCPUAllocator: can't allocate memory", "DefaultCPUAllocator: not enough memory", "out of memory",
          "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"}) {
      if (text.find(sign) != std::string::npos) return true;
    }
  }
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& nested) {
    return is_out_of_memory(nested);
  } catch (...) {
  }
  return false;
}

/// Gives memory that LibTorch keeps for later back to the accelerator, where there is one that is in use.
inline void release_cached_memory() {
  const auto type = at::getAccelerator();
  if (!type) return;
  auto* allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(*type));
  if (allocator != nullptr && allocator->initialized()) allocator->emptyCache();
}

/// Calls `f(size)`, and as long as memory runs out, again with half the size. Returns what `f` returned.
///
/// **Errors** `std::invalid_argument` when size < 1; `std::runtime_error`, with LibTorch's own error nested in it, when
/// size 1 does not fit; every other error of `f` as it is.
/// **Source** `find_executable_batch_size` of Accelerate.
/// **Example** `with_smaller_batches(512, [&](auto size) { return trainer.train(set, {.per_device_batch_size = size});
/// });`
template <class F>
decltype(auto) with_smaller_batches(std::int64_t size, F&& f) {
  if (size < 1) throw std::invalid_argument(sentence("The batch size is {}. Give 1 or more.", {size}));
  for (;; size /= 2) {
    try {
      return f(std::as_const(size));
    } catch (const std::exception& error) {
      if (!is_out_of_memory(error)) throw;
      if (size == 1) {
        std::throw_with_nested(
            std::runtime_error("Not even a batch of 1 sample fits into memory. Take a smaller model."));
      }
    }
    release_cached_memory();  // once what held it is gone
  }
}

}  // namespace hone
