// SPDX-License-Identifier: Apache-2.0
/// Where the model and the batches live.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `Cpu` | always possible, the default | processes that talk over NCCL |
/// | `Cuda<>` (`hone/devices/cuda.hpp`) | a GPU for each process | none |
/// | `Cuda<1>`, `Cuda<hone::dynamic>{i}` | a GPU with a number | none |
/// | `Mps<>`, `Xpu<>` (`hone/devices/mps.hpp`, `xpu.hpp`) | Apple's and Intel's GPUs; nobody has run them yet | `double` on `Mps` |
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <concepts>
#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// Chooses the device. `move` puts a batch there: it returns the batch itself when it is there already, else a moved one.
template <class P>
concept DevicePolicy = PolicyFor<P, slots::Device> && requires(const P& policy, int& batch) {
  { policy.device() } -> std::convertible_to<c10::Device>;
  policy.move(batch);
};

/// Optional ability: the host reads this device's memory as its own, so a loss can be added up without waiting.
template <class P>
concept HostReadable = DevicePolicy<P> && P::host_readable;

/// Optional ability: can say that it is not there. `require()` throws a `DeviceError` or a `std::invalid_argument`; it is
/// asked when a trainer is made, before the model is touched.
template <class P>
concept ChecksPresence = DevicePolicy<P> && requires(const P& policy) { policy.require(); };

/// Optional ability: there are number formats that it does not have.
template <class P>
concept LimitsFormats = DevicePolicy<P> && requires(c10::ScalarType format) {
  { P::holds(format) } -> std::same_as<bool>;
};

/// Optional ability: a thread has a current device of its kind. `scope()` makes it this one, and brings back what was.
template <class P>
concept EntersDevice = DevicePolicy<P> && requires(const P& policy) { policy.scope(); };

/// What makes the policy's device the thread's current one while it lives; `NoScope` where there is no such thing.
template <DevicePolicy P>
[[nodiscard]] auto device_scope([[maybe_unused]] const P& policy) {
  if constexpr (EntersDevice<P>) {
    return policy.scope();
  } else {
    return NoScope{};
  }
}

/// The host's processors. Batches stay where the loader made them.
struct Cpu {
  using slot = slots::Device;
  static constexpr bool host_readable = true;

  [[nodiscard]] static c10::Device device() { return c10::Device{c10::kCPU}; }

  template <class Batch>
  static Batch& move(Batch& batch) {
    return batch;
  }
};
static_assert(DevicePolicy<Cpu> && HostReadable<Cpu> && !EntersDevice<Cpu> && std::is_empty_v<Cpu>);

namespace detail::device_rules {

HONE_DEFINE_NAMES(host_readable);
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
    has_host_readable, "a device policy with `host_readable`", "static constexpr bool host_readable",
    !names_host_readable<P> || requires { std::bool_constant<P::host_readable>{}; });
HONE_POLICY_NEEDS(has_require, "a device policy with `require`", "void require() const",
                  !names_require<P> || ChecksPresence<P>);
HONE_POLICY_NEEDS(has_holds, "a device policy with `holds`", "static bool holds(c10::ScalarType format)",
                  !names_holds<P> || LimitsFormats<P>);
HONE_POLICY_NEEDS(has_scope, "a device policy with `scope`", "scope() const", !names_scope<P> || EntersDevice<P>);

}  // namespace detail::device_rules

template <>
struct SlotRequirements<slots::Device>
    : detail::Requirements<detail::device_rules::has_device, detail::device_rules::has_move,
                           detail::device_rules::has_host_readable, detail::device_rules::has_require,
                           detail::device_rules::has_holds, detail::device_rules::has_scope> {};

}  // namespace hone
