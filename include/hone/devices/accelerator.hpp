// SPDX-License-Identifier: Apache-2.0
/// The common implementation of device policies for GPUs. A program that uses one compiles and links without the
/// device's libraries; the constructor of the trainer throws if they are missing.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/ScalarType.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/policy.hpp"
#include "hone/data/batch.hpp"
#include "hone/policies/accumulation.hpp"
#include "hone/policies/device.hpp"

namespace hone {

/// A placeholder for the device index of this process; see `Accelerator`.
inline constexpr std::int64_t device_of_process = -2;

namespace detail {

/// The interface that LibTorch registers for a device type, or a fake in a test.
using DeviceKind = c10::impl::DeviceGuardImplInterface;

[[nodiscard]] inline const DeviceKind* device_kind(c10::DeviceType type) {
  return c10::impl::hasDeviceGuardImpl(type) ? c10::impl::getDeviceGuardImpl(type) : nullptr;
}

/// Returns the name of the environment variable that limits the devices visible to a process, null if there is none.
[[nodiscard]] constexpr const char* visible_devices_variable(c10::DeviceType type) {
  return type == c10::kXPU ? "ZE_AFFINITY_MASK" : type == c10::kCUDA ? "CUDA_VISIBLE_DEVICES" : nullptr;
}

[[nodiscard]] inline const char* visible_devices(c10::DeviceType type) {
  const char* const name = visible_devices_variable(type);
  return name == nullptr ? nullptr : std::getenv(name);
}

/// Returns the local rank of this process as set by a launcher: `torchrun`, `scripts/launch`, Open MPI, MPICH or
/// `srun`. Empty without a launcher. **Errors** `std::invalid_argument` when the variable is not a number from 0.
[[nodiscard]] inline std::optional<int> number_on_machine() {
  for (const char* const name : {"LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"}) {
    const char* const text = std::getenv(name);
    if (text == nullptr || *text == '\0') continue;
    if (std::string_view(name) == "SLURM_LOCALID" && std::getenv("SLURM_STEP_ID") == nullptr) continue;  // no `srun`
    const std::string_view digits = text;
    int number = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size() || number < 0) {
      throw std::invalid_argument(
          format_message("{} is `{}`. Set it to the local rank of this process, a number from 0.", {name, digits}));
    }
    return number;
  }
  return std::nullopt;
}

/// Returns the device index for this process: 0 if a variable limits the visible devices to one, else the local rank,
/// else the thread's current device.
[[nodiscard]] inline int index_for_process(c10::DeviceType type, const DeviceKind* kind) {
  const int count = kind == nullptr ? 0 : kind->deviceCount();
  if (count == 1 && visible_devices(type) != nullptr) return 0;
  if (const auto number = number_on_machine()) return *number;
  return count == 0 ? 0 : kind->getDevice().index();
}

/// Returns the error message of the device's library, in parentheses, if it finds no device.
[[nodiscard]] inline std::string reason_of_none(const DeviceKind& kind) {
  try {
    static_cast<void>(kind.getDevice());
    return {};
  } catch (const c10::Error& error) {
    return format_message(" ({})", {first_line(error.what_without_backtrace())});
  }
}

/// Throws unless the device with this type and index is available.
inline void require_device(c10::DeviceType type, std::int64_t index, const DeviceKind* kind) {
  const auto device = c10::Device(type, 0).str();
  const std::string_view name = std::string_view(device).substr(0, device.find(':'));
  if (kind == nullptr) {
    throw DeviceError(
        type == c10::kCUDA
            ? std::string("The trainer's device is cuda, and this program was linked without CUDA. Configure with "
                          "-DHONE_WITH_CUDA=ON, or link LibTorch's CUDA libraries with -Wl,--no-as-needed.")
            : format_message(
                  "The trainer's device is {}, and this program's LibTorch does not support it. Link a LibTorch "
                  "that was built for it, or use the device Cpu.",
                  {name}));
  }
  const int count = kind->deviceCount();
  const char* const visible = visible_devices(type);
  if (count == 0) {
    const auto reason = reason_of_none(*kind);
    if (visible != nullptr) {
      throw DeviceError(format_message(
          "The trainer's device is {}, and LibTorch finds no such device{}. {} is `{}`: list a device there, "
          "or unset it.",
          {name, reason, visible_devices_variable(type), visible}));
    }
    throw DeviceError(format_message(
        "The trainer's device is {}, and LibTorch finds no such device{}. Check the driver{}, or use the device Cpu.",
        {name, reason, type == c10::kCUDA ? " with nvidia-smi" : ""}));
  }
  if (index < 0 || index >= count) {
    throw std::invalid_argument(format_message(
        "The trainer's device is {} {}, and there {} on this machine{}. Use an index from 0 to {}, and start at most "
        "one process per device on each machine.",
        {name, index, count == 1 ? "is 1" : format_message("are {}", {count}),
         visible == nullptr ? "" : format_message(" ({} is `{}`)", {visible_devices_variable(type), visible}),
         count - 1}));
  }
}

/// Returns the tensor on `device`, or the tensor itself if it is there already. The copy is asynchronous to CUDA
/// devices and from pinned memory.
[[nodiscard]] inline at::Tensor brought_to(c10::Device device, const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.device() == device) return tensor;
  // CUDA has read pageable memory when the call returns. For other devices, only pinned memory is known to be safe.
  const bool goes_on = device.is_cuda() || tensor.is_pinned();
  return tensor.to(tensor.options().device(device), /*non_blocking=*/goes_on);
}

/// True for a policy that converts tensors to float64.
template <class P>
inline constexpr bool asks_for_double = requires { requires P::dtype == c10::kDouble; };

/// A base class with `holds(format)` for a device type that does not support every dtype.
template <c10::DeviceType type>
struct FormatLimits {};
/// Apple GPUs do not support float64.
template <>
struct FormatLimits<c10::kMPS> {
  [[nodiscard]] static bool holds(c10::ScalarType format) {
    return format != c10::kDouble && format != c10::kComplexDouble;
  }
};

}  // namespace detail

/// A device policy for a device with its own memory. Model, loss and batches are copied there, and the device executes
/// asynchronously to the host. The constructor, runs and steps of the trainer make the device the thread's current one,
/// submit work to the thread's current stream on it, and restore the caller's current device afterwards.
///
/// `index` is a device index; `dynamic` and `device_of_process` select one at run time. `device_of_process` is the only
/// visible device if `CUDA_VISIBLE_DEVICES` or `ZE_AFFINITY_MASK` limits them to one. Otherwise it is the local rank
/// that a launcher sets (`LOCAL_RANK`, `OMPI_COMM_WORLD_LOCAL_RANK`, `MPI_LOCALRANKID`, `SLURM_LOCALID`) or, without a
/// launcher, the thread's current device when the policy is made.
///
/// **Cost** a copy for each tensor of a batch that is on another device. A copy to CUDA, or from pinned memory to any
/// device, is asynchronous: a range must not overwrite pinned memory before the copy has completed.
/// **Errors** when a trainer is made, before its model is changed: `DeviceError` when the program, the driver or the
/// machine has no such device; `std::invalid_argument` for an index out of range.
/// **Example** `hone::Trainer{model, loss, hone::Sgd{.lr = 0.1}, hone::Cuda<>{}}`
template <c10::DeviceType type, std::int64_t index>
class Accelerator : public detail::FormatLimits<type> {
  static_assert(index >= device_of_process && index < 128, "hone: a device index must be from 0 to 127.");

 public:
  using slot = slots::Device;
  static constexpr bool host_accessible = false;
  static constexpr c10::DeviceType device_type = type;  ///< The type of the device, such as CUDA.

  template <class... Policies>
  struct compatible_with {
    static constexpr bool value = type != c10::kMPS || !(detail::asks_for_double<Policies> || ...);
  };
  template <class... Policies>
  struct incompatible_with {
    static_assert(compatible_with<Policies...>::value,
                  "hone: Mps does not support double precision. Use another precision policy or another device.");
  };

  Accelerator()
    requires(index >= 0)
      : index_(index) {}
  /// Selects the only visible device, else the local rank of the process, else the current device.
  /// **Errors** `std::invalid_argument` when a launcher's variable is not a number from 0.
  Accelerator()
    requires(index == device_of_process)
      : index_(detail::index_for_process(type, detail::device_kind(type))) {}
  explicit Accelerator(std::int64_t number)
    requires(index == dynamic)
      : index_(number) {}

  [[nodiscard]] c10::Device device() const { return {type, static_cast<c10::DeviceIndex>(index_)}; }

  void require() const { detail::require_device(type, index_, detail::device_kind(type)); }

  [[nodiscard]] c10::DeviceGuard scope() const { return c10::DeviceGuard(device()); }

  /// Returns the batch with all of its tensors on the device.
  template <HoldsTensors Batch>
  [[nodiscard]] OwnedBatch<Batch> move(Batch& batch) const {
    return map_tensors(batch, [to = device()](const at::Tensor& tensor) { return detail::brought_to(to, tensor); });
  }
  /// Returns a batch without tensors unchanged.
  ///
  /// **Errors** at compile time, one message, for a type that may contain tensors that hone does not find.
  template <class Batch>
  Batch& move(Batch& batch) const {
    static_assert(detail::checked_batch<std::remove_const_t<Batch>>);
    return batch;
  }

 private:
  std::int64_t index_;
};

}  // namespace hone
