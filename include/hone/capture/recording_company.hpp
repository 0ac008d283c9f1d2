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
inline constexpr bool steps_can_be_recorded = TakesLrTensor<Optimizer>;
template <class Rule>
inline constexpr bool steps_can_be_recorded<FusedOptimizer<Rule>> = TakesLrTensor<Rule>;

template <class Recorder>
struct RecordingCompany {
  template <class... Policies>
  struct fits {
    using Device = AnswerTo<slots::Device, Cpu, Policies...>;
    using Processes = AnswerTo<slots::Distribution, SingleProcess, Policies...>;
    static constexpr bool is_other_device = requires { requires Recorder::device_type != Device::device_type; };
    static constexpr bool is_there = !requires { typename Recorder::is_not_compiled; };
    static constexpr bool is_aside = !HostReadable<Device>;
    static constexpr bool is_alone = !ReducesGradients<Processes> ||
                                     (!ShardsOptimizer<Processes> && requires { requires Processes::can_be_recorded; });
    static constexpr bool value = !is_other_device && is_there && is_aside && is_alone;
  };
  template <class... Policies>
  struct misfit {
    using Fits = fits<Policies...>;
    static_assert(!Fits::is_other_device,
                  "hone: StepCapture records CUDA graphs, and this trainer's device is another GPU. Use "
                  "hone::Cuda<>, or remove StepCapture.");
    static_assert(
        Fits::is_other_device || Fits::is_there,
        "hone: StepCapture records CUDA graphs, and this program is compiled without CUDA. Configure hone with "
        "-DHONE_WITH_CUDA=ON.");
    static_assert(Fits::is_other_device || !Fits::is_there || Fits::is_aside,
                  "hone: StepCapture records what a GPU is asked to do, and this trainer computes on the host. Add "
                  "hone::Cuda<>, or leave StepCapture out.");
    static_assert(
        Fits::is_other_device || !Fits::is_there || !Fits::is_aside || Fits::is_alone,
        "hone: StepCapture can record the messages of Ddp<hone::Nccl> alone, and here processes train together in "
        "another way. Leave one of the two out.");
  };
  static constexpr bool takes_one_optimizer = true;
  template <class Optimizer>
  struct fits_optimizer : std::bool_constant<steps_can_be_recorded<Optimizer>> {};
  template <class Optimizer>
  struct misfit_optimizer {
    static_assert(
        steps_can_be_recorded<Optimizer>,
        "hone: StepCapture cannot record this optimizer, whose step computes on the host, or several of them. Use a "
        "rule of hone, such as hone::AdamW, or a hone::FusedOptimizer over one.");
  };
};

}  // namespace hone::detail
