// SPDX-License-Identifier: Apache-2.0
/// Detection and explanation of device errors.
#pragma once

#include <c10/core/Device.h>
#include <c10/util/Exception.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/policies/device.hpp"
#include "hone/step/model.hpp"
#include "hone/step/out_of_memory.hpp"

namespace hone {

/// True if `error`, or an exception nested in it, comes from a device other than the CPU. The operator that throws it
/// may be later than the operator that caused it.
[[nodiscard]] inline bool is_device_error(const std::exception& error) {
  if (dynamic_cast<const c10::AcceleratorError*>(&error) != nullptr) return true;
  if (const auto* torch = dynamic_cast<const c10::Error*>(&error)) {
    const std::string_view text = torch->what_without_backtrace();
    for (const std::string_view sign : {"CUDA error: ", "HIP error: ", "cuDNN error: ", "XPU error: "}) {
      if (text.find(sign) != text.npos) return true;
    }
  }
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& nested) {
    return is_device_error(nested);
  } catch (...) {
  }
  return false;
}

namespace detail {

/// Returns the first line of LibTorch's message, without advice and backtrace.
[[nodiscard]] inline std::string facts_of(const std::exception& error) {
  const auto* torch = dynamic_cast<const c10::Error*>(&error);
  std::string_view text = torch != nullptr ? torch->what_without_backtrace() : error.what();
  if (const auto host = text.find("DefaultCPUAllocator"); host != text.npos) text.remove_prefix(host);
  text = first_line(text);
  for (const std::string_view advice :
       {" If reserved but unallocated", " See documentation", " Use PYTORCH_", " Error code"}) {
    text = text.substr(0, text.find(advice));
  }
  while (text.ends_with('.') || text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace detail

/// Throws a `DeviceError`, with `error` nested in it, if `error` reports that memory ran out or that the device failed.
/// Returns for other errors, and for a `DeviceError`. Precondition: `error` is being handled.
[[gnu::cold, gnu::noinline]] inline void explain_device_error(const std::exception& error, c10::Device device) {
  if (dynamic_cast<const DeviceError*>(&error) != nullptr) return;
  if (dynamic_cast<const c10::Error*>(&error) == nullptr) return;  // only LibTorch's errors need an explanation
  if (is_out_of_memory(error)) {
    std::throw_with_nested(DeviceError(format_message(
        "Out of memory on {}: {}. Reduce per_device_batch_size (GradAccum keeps the number of samples per update), "
        "split batches with MicroBatches, or store fewer activations for backward (hone::recomputed, lower "
        "precision){}",
        {device.str(), detail::facts_of(error),
         device.is_cuda()
             ? ". If much memory is reserved but unallocated, set PYTORCH_ALLOC_CONF=expandable_segments:True."
             : "."})));
  }
  if (is_device_error(error)) {
    const auto facts = detail::facts_of(error);
    const bool asserted = facts.find("assert") != facts.npos;
    std::throw_with_nested(
        DeviceError(format_message("The device {} has failed: {}. This process can no longer use it. Restart the "
                                   "process and resume from the last training state (trainer.resume).{}",
                                   {device.str(), facts,
                                    asserted ? " The usual cause of a device-side assert is an index or a class label "
                                               "out of range. Set CUDA_LAUNCH_BLOCKING=1 to find the operator."
                                             : ""})));
  }
}

/// Calls `f`. **Errors** as `f`, with device errors as `DeviceError`.
template <class F>
decltype(auto) with_device_errors(c10::Device device, F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (const std::exception& error) {
    explain_device_error(error, device);
    throw;
  }
}

/// Rethrows the current exception, a device error as a `DeviceError`.
[[noreturn, gnu::cold, gnu::noinline]] inline void rethrow_explained(c10::Device device) {
  try {
    throw;
  } catch (const std::exception& error) {
    explain_device_error(error, device);
    throw;
  }
}

/// Calls `f`, a cleanup after an exception. Ignores what it throws: every call to a failed device throws, and only the
/// first exception names the cause.
template <class F>
void as_far_as_possible(F&& f) noexcept {
  try {
    std::forward<F>(f)();
  } catch (...) {
  }
}

/// Checks that the device is present and supports the dtypes of the model's parameters and buffers.
///
/// **Errors** as `device.require()`; `DeviceError` for an unsupported dtype.
template <DevicePolicy Device, class Model>
void require_device([[maybe_unused]] const Device& device, [[maybe_unused]] Model& model) {
  if constexpr (ChecksAvailability<Device>) device.require();
  if constexpr (RestrictsDtypes<Device>) {
    const auto check = [&](std::string_view what, const at::Tensor& tensor) {
      if (!tensor.defined() || Device::holds(tensor.scalar_type())) return;
      throw DeviceError(
          format_message("{} is {}, which {} does not support. Convert the model first: model->to(torch::kFloat).",
                         {what, c10::toString(tensor.scalar_type()), device.device().str()}));
    };
    for (const auto& [name, parameter] : named_parameters(model)) {
      check(format_message("The parameter '{}'", {name}), parameter);
    }
    for (const at::Tensor& buffer : buffers_of(model)) check("A buffer", buffer);
  }
}

}  // namespace hone
