// SPDX-License-Identifier: Apache-2.0
/// Policies for the device of the model and the batches.
///
/// | policy | use | incompatible with |
/// |---|---|---|
/// | `Cpu` | the default | `Ddp` and `Zero` over NCCL, `StepCapture` |
/// | `Cuda<>` (`hone/devices/cuda.hpp`) | one GPU per process | exported models |
/// | `Cuda<1>`, `Cuda<hone::dynamic>{i}` | the GPU of the given index | exported models |
/// | `Mps<>`, `Xpu<>` (`hone/devices/mps.hpp`, `xpu.hpp`) | Apple and Intel GPUs; untested | exported models; `double` on `Mps` |
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <concepts>
#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// A policy that selects a device. `move(batch)` returns the batch with its tensors on that device, without copying
/// tensors that are already there; `Cpu` returns the batch itself.
template <class P>
concept DevicePolicy = PolicyFor<P, slots::Device> && requires(const P& policy, int& batch) {
  { policy.device() } -> std::convertible_to<c10::Device>;
  policy.move(batch);
};

/// Optional: the host can read this device's memory, so that losses are accumulated without host synchronization.
template <class P>
concept HostAccessible = DevicePolicy<P> && P::host_accessible;

/// Optional: `require()` throws `DeviceError` or `std::invalid_argument` if the device is not available. It is called
/// when a trainer is made, before the model is changed.
template <class P>
concept ChecksAvailability = DevicePolicy<P> && requires(const P& policy) { policy.require(); };

/// Optional: `holds(format)` returns whether the device supports a dtype. Without it, the device supports every dtype.
template <class P>
concept RestrictsDtypes = DevicePolicy<P> && requires(c10::ScalarType format) {
  { P::holds(format) } -> std::same_as<bool>;
};

/// Optional: `scope()` returns a RAII guard that makes this device the thread's current device.
template <class P>
concept EntersDevice = DevicePolicy<P> && requires(const P& policy) { policy.scope(); };

/// Returns a RAII guard that makes the policy's device the thread's current device, `NoScope` for a policy without one.
template <DevicePolicy P>
[[nodiscard]] auto device_scope([[maybe_unused]] const P& policy) {
  if constexpr (EntersDevice<P>) {
    return policy.scope();
  } else {
    return NoScope{};
  }
}

/// The CPU. Batches are not moved.
struct Cpu {
  using slot = slots::Device;
  static constexpr bool host_accessible = true;

  [[nodiscard]] static c10::Device device() { return c10::Device{c10::kCPU}; }

  template <class Batch>
  static Batch& move(Batch& batch) {
    return batch;
  }
};
static_assert(DevicePolicy<Cpu> && HostAccessible<Cpu> && !EntersDevice<Cpu> && std::is_empty_v<Cpu>);

namespace detail::device_rules {

HONE_DEFINE_NAMES(host_accessible);
HONE_DEFINE_NAMES(require);
HONE_DEFINE_NAMES(holds);
HONE_DEFINE_NAMES(scope);
HONE_POLICY_NEEDS(
    has_device, "a device policy", "c10::Device device() const", requires(const P& policy) {
      { policy.device() } -> std::convertible_to<c10::Device>;
    });
HONE_POLICY_NEEDS(has_move, "a device policy", "template <class Batch> auto& move(Batch& batch) const",
                  DevicePolicy<P>);
HONE_POLICY_NEEDS(
    has_host_readable, "a device policy with `host_accessible`", "static constexpr bool host_accessible",
    !names_host_accessible<P> || requires { std::bool_constant<P::host_accessible>{}; });
HONE_POLICY_NEEDS(has_require, "a device policy with `require`", "void require() const",
                  !names_require<P> || ChecksAvailability<P>);
HONE_POLICY_NEEDS(has_holds, "a device policy with `holds`", "static bool holds(c10::ScalarType format)",
                  !names_holds<P> || RestrictsDtypes<P>);
HONE_POLICY_NEEDS(has_scope, "a device policy with `scope`", "scope() const", !names_scope<P> || EntersDevice<P>);

}  // namespace detail::device_rules

template <>
struct SlotRequirements<slots::Device>
    : detail::Requirements<detail::device_rules::has_device, detail::device_rules::has_move,
                           detail::device_rules::has_host_readable, detail::device_rules::has_require,
                           detail::device_rules::has_holds, detail::device_rules::has_scope> {};

}  // namespace hone
