// SPDX-License-Identifier: Apache-2.0
/// Autocast: mixed precision by LibTorch's choice of a dtype for each operator.
#pragma once

#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>
#include <c10/macros/Export.h>
#include <c10/util/Exception.h>

#include <exception>
#include <stdexcept>

#include "hone/core/format_message.hpp"

// The required declarations of <ATen/autocast_mode.h>, which includes all operators and the dispatcher.
namespace at::autocast {
TORCH_API bool is_autocast_enabled(at::DeviceType device_type);
TORCH_API void set_autocast_enabled(at::DeviceType device_type, bool enabled);
TORCH_API at::ScalarType get_autocast_dtype(at::DeviceType device_type);
TORCH_API void set_autocast_dtype(at::DeviceType device_type, at::ScalarType dtype);
TORCH_API void clear_cache();
TORCH_API int increment_nesting();
TORCH_API int decrement_nesting();
TORCH_API bool is_autocast_cache_enabled();
TORCH_API void set_autocast_cache_enabled(bool enabled);
}  // namespace at::autocast

namespace hone {

/// RAII scope in which operators of this thread on devices of this type compute in `dtype` if LibTorch considers that
/// safe, and in float32 if it does not (losses, norms, sums). Scopes can be nested. The destructor restores the
/// previous settings, and the destructor of the outermost scope clears the cache of cast weights.
///
/// **Units** dtype: `at::kBFloat16` or `at::kHalf`; cache: whether a weight is cast once for the whole scope.
/// **Cost** about 70 ns; a cast of each weight, and of each tensor between operators of different dtypes.
/// **Errors** `std::invalid_argument` for another dtype; `c10::Error` for a device that has no autocast.
/// **Source** `ATen/autocast_mode.h`; Python's `torch.autocast`.
class [[nodiscard]] Autocast {
 public:
  /// Begins the scope.
  Autocast(c10::DeviceType device, at::ScalarType dtype, bool cache = true)
      : device_(device),
        is_enabled_before_(at::autocast::is_autocast_enabled(checked(device, dtype))),
        has_cache_before_(at::autocast::is_autocast_cache_enabled()),
        dtype_before_(at::autocast::get_autocast_dtype(device)) {
    at::autocast::set_autocast_enabled(device, true);
    at::autocast::set_autocast_dtype(device, dtype);
    at::autocast::set_autocast_cache_enabled(cache);
    at::autocast::increment_nesting();
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;
  ~Autocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, is_enabled_before_);
    at::autocast::set_autocast_dtype(device_, dtype_before_);
    at::autocast::set_autocast_cache_enabled(has_cache_before_);
  }

  /// Throws `std::invalid_argument` for another dtype, and for a device that has no autocast.
  static void check(c10::DeviceType device, at::ScalarType dtype) {
    static_cast<void>(checked(device, dtype));
    try {
      static_cast<void>(at::autocast::is_autocast_enabled(device));
    } catch (const c10::Error&) {
      std::throw_with_nested(std::invalid_argument(
          format_message("The device '{}' does not support autocast. Remove Bf16 or Fp16, or use another device.",
                         {c10::DeviceTypeName(device, /*lower_case=*/true)})));
    }
  }

 private:
  static c10::DeviceType checked(c10::DeviceType device, at::ScalarType dtype) {
    if (dtype != at::kBFloat16 && dtype != at::kHalf) [[unlikely]] {
      throw std::invalid_argument(
          format_message("The autocast dtype is {}. Use at::kBFloat16 or at::kHalf.", {c10::toString(dtype)}));
    }
    return device;
  }

  c10::DeviceType device_;
  bool is_enabled_before_;
  bool has_cache_before_;
  at::ScalarType dtype_before_;
};

}  // namespace hone
