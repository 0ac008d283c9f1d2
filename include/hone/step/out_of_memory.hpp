// SPDX-License-Identifier: Apache-2.0
/// Detection of out-of-memory errors, and retries with smaller batches.
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

#include "hone/core/format_message.hpp"

namespace hone {

/// True if `error`, or an exception nested in it, reports that memory ran out on the host, on a device, or in a library
/// of the device.
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

/// Releases the unused cached memory of LibTorch's allocator. A no-op without an accelerator that is in use.
inline void release_cached_memory() {
  const auto type = at::getAccelerator();
  if (!type) return;
  auto* allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(*type));
  if (allocator != nullptr && allocator->initialized()) allocator->emptyCache();
}

/// Calls `f(size)`, and repeats the call with half the size while memory runs out. Returns the result of `f`.
///
/// **Errors** `std::invalid_argument` if size < 1; `std::runtime_error`, with LibTorch's error nested in it, if size 1
/// does not fit; all other exceptions of `f`, unchanged.
/// **Source** `find_executable_batch_size` of Accelerate.
/// **Example** `with_smaller_batches(512, [&](auto size) { return trainer.train(set, {.per_device_batch_size = size});
/// });`
template <class F>
decltype(auto) with_smaller_batches(std::int64_t size, F&& f) {
  if (size < 1) throw std::invalid_argument(format_message("The batch size is {}. Set it to 1 or greater.", {size}));
  for (;; size /= 2) {
    try {
      return f(std::as_const(size));
    } catch (const std::exception& error) {
      if (!is_out_of_memory(error)) throw;
      if (size == 1) {
        std::throw_with_nested(
            std::runtime_error("A batch of 1 sample does not fit into memory. Use a smaller model."));
      }
    }
    release_cached_memory();  // not in the handler, where the exception is alive
  }
}

}  // namespace hone
