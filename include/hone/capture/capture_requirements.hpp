// SPDX-License-Identifier: Apache-2.0
/// The compatibility of `StepCapture` with other policies and with optimizers.
#pragma once

#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/rule.hpp"
#include "hone/policies/device.hpp"
#include "hone/policies/distribution.hpp"

namespace hone::detail {

template <class Optimizer>
inline constexpr bool is_capturable_optimizer = TakesLrTensor<Optimizer>;
template <class Rule>
inline constexpr bool is_capturable_optimizer<FusedOptimizer<Rule>> = TakesLrTensor<Rule>;

template <class Recorder>
struct CaptureRequirements {
  template <class... Policies>
  struct compatible_with {
    using Device = SelectPolicy<slots::Device, Cpu, Policies...>;
    using Processes = SelectPolicy<slots::Distribution, SingleProcess, Policies...>;
    static constexpr bool is_other_device = requires { requires Recorder::device_type != Device::device_type; };
    static constexpr bool is_there = !requires { typename Recorder::is_not_compiled; };
    static constexpr bool is_stream_switched = !HostAccessible<Device>;
    static constexpr bool is_alone = !ReducesGradients<Processes> || (!ShardsOptimizer<Processes> && requires {
      requires Processes::supports_capture;
    });
    static constexpr bool value = !is_other_device && is_there && is_stream_switched && is_alone;
  };
  template <class... Policies>
  struct incompatible_with {
    using Fits = compatible_with<Policies...>;
    static_assert(!Fits::is_other_device,
                  "hone: StepCapture captures CUDA graphs, but this trainer's device is not a CUDA GPU. Use "
                  "hone::Cuda<>, or remove StepCapture.");
    static_assert(
        Fits::is_other_device || Fits::is_there,
        "hone: StepCapture captures CUDA graphs, but this program is compiled without CUDA. Configure hone with "
        "-DHONE_WITH_CUDA=ON.");
    static_assert(Fits::is_other_device || !Fits::is_there || Fits::is_stream_switched,
                  "hone: StepCapture captures CUDA kernels, but this trainer computes on the CPU. Add hone::Cuda<>, or "
                  "remove StepCapture.");
    static_assert(Fits::is_other_device || !Fits::is_there || !Fits::is_stream_switched || Fits::is_alone,
                  "hone: StepCapture can capture only the NCCL collectives of Ddp<hone::Nccl>, but this trainer has "
                  "another distribution policy. Remove one of the two.");
  };
  static constexpr bool takes_one_optimizer = true;
  template <class Optimizer>
  struct compatible_with_optimizer : std::bool_constant<is_capturable_optimizer<Optimizer>> {};
  template <class Optimizer>
  struct incompatible_with_optimizer {
    static_assert(is_capturable_optimizer<Optimizer>,
                  "hone: StepCapture cannot capture more than one optimizer, or an optimizer whose step computes on "
                  "the CPU. Use a rule of hone, such as hone::AdamW, or a hone::FusedOptimizer of such a rule.");
  };
};

}  // namespace hone::detail
