// SPDX-License-Identifier: Apache-2.0
/// The number format of forward and loss.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `Fp32` | the default: tensors are computed with in the format they have | none |
/// | `Fp32With<MatmulPrecision::high>`, `Tf32` (`precision/matmul.hpp`) | the same, with faster and less exact products of float32 matrices | exported models |
/// | `Bf16` (`precision/mixed.hpp`) | forward and loss in bfloat16 where that is safe; weights stay float32 | exported models |
/// | `Fp16` (`precision/mixed.hpp`) | the same in float16, with a scaled loss: for devices without bfloat16 | exported models, optimizers that cannot skip a step on the device |
/// | `Fp64` (`precision/pure.hpp`) | model and data in double: to find out what rounding does | exported models |
/// | `PureBf16`, `PureFp16` (`precision/pure.hpp`) | model and data in 16 bits, the optimizer on float32 copies: least memory traffic | exported models, optimizers that are not hone's, `Zero`, `KeepGradients` |
#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// Chooses the number format of a step. What `region` returns lives over forward and loss; backward runs outside it.
template <class P>
concept PrecisionPolicy =
    PolicyFor<P, slots::Precision> && requires(const P& precision, c10::Device device) { precision.region(device); };

/// Optional ability: hears where the model is, once, before the first step. It may refuse the device.
template <class P>
concept StartsOnDevice = PrecisionPolicy<P> && requires(P& precision, c10::Device device) { precision.start(device); };

/// Optional ability: the loss is scaled before backward and the gradients are unscaled once per update, before clipping.
/// `update` then does the optimizer's step, or skips it on the device when a gradient overflowed, and moves the scale on.
template <class P>
concept ScalesLoss = PrecisionPolicy<P> && requires(P& precision, const at::Tensor& loss, at::TensorList gradients) {
  { precision.scale(loss) } -> std::convertible_to<at::Tensor>;
  precision.unscale(gradients);
};
/// Optional ability of one that scales: after `unscale`, `found_inf()` is 1 where a gradient overflowed, else 0. Processes
/// that have a part of the gradients each make it 1 in all of them.
template <class P>
concept TellsOverflow = ScalesLoss<P> && requires(const P& precision) {
  { precision.found_inf() } -> std::convertible_to<const at::Tensor&>;
};

/// Optional ability: floating point tensors are brought into `P::dtype`: the parameters and buffers of model and loss when
/// the trainer is made, the batches, targets among them, when they arrive.
template <class P>
concept ConvertsTensors = PrecisionPolicy<P> && requires {
  { P::dtype } -> std::convertible_to<at::ScalarType>;
};

/// Optional ability of one that converts: the optimizer works on copies of the weights in a wider format. `over(optimizer)`
/// makes of a bound optimizer one that looks like it from outside (see `Optimizer`), and brings its parameters into
/// `P::dtype`.
template <class P>
concept KeepsMasterWeights = ConvertsTensors<P> && requires { typename P::keeps_master_weights; };

/// Optional ability: what `over_run` returns lives over a run, and over a step of the host's own loop, backward included.
template <class P>
concept SpansRuns = PrecisionPolicy<P> && requires(const P& precision) { precision.over_run(); };

/// Optional ability: asked after each batch, without a wait, whether training leads nowhere. The run ends with the reason.
template <class P>
concept GivesUp = PrecisionPolicy<P> && requires(P& precision, const P& constant) {
  { precision.gives_up() } -> std::same_as<bool>;
  { constant.reason() } -> std::same_as<std::string>;
};

namespace detail {

template <class P, class O>
struct OptimizerUnder {
  using type = O;
};
template <KeepsMasterWeights P, class O>
struct OptimizerUnder<P, O> {
  using type = decltype(std::declval<P&>().over(std::declval<O>()));
};

}  // namespace detail

/// What an optimizer is under a precision policy.
template <PrecisionPolicy P, class O>
using OptimizerUnder = typename detail::OptimizerUnder<P, O>::type;

/// Every operator computes in the format of its tensors, float32 unless the model says otherwise.
struct Fp32 {
  using slot = slots::Precision;
  [[nodiscard]] static NoScope region(c10::Device) { return {}; }
};
static_assert(PrecisionPolicy<Fp32> && std::is_empty_v<Fp32>);
static_assert(!ScalesLoss<Fp32> && !ConvertsTensors<Fp32> && !StartsOnDevice<Fp32> && !SpansRuns<Fp32> &&
              !GivesUp<Fp32>);

namespace detail::precision_rules {

HONE_DEFINE_NAMES(start);
HONE_DEFINE_NAMES(scale);
HONE_DEFINE_NAMES(unscale);
HONE_DEFINE_NAMES(update);
HONE_DEFINE_NAMES(found_inf);
HONE_DEFINE_NAMES(update_scale);
HONE_DEFINE_NAMES(step);
HONE_DEFINE_NAMES(dtype);
HONE_DEFINE_NAMES(keeps_master_weights);
HONE_DEFINE_NAMES(over);
HONE_DEFINE_NAMES(over_run);
HONE_DEFINE_NAMES(gives_up);
HONE_DEFINE_NAMES(reason);

/// Has at least one function of those that scale the loss.
template <class P>
inline constexpr bool scales = names_scale<P> || names_unscale<P> || names_update<P> || names_found_inf<P> ||
                               names_update_scale<P> || names_step<P>;
template <class P>
inline constexpr bool converts_weights = names_keeps_master_weights<P> || names_over<P>;
template <class P>
inline constexpr bool may_end = names_gives_up<P> || names_reason<P>;

HONE_POLICY_NEEDS(has_region, "a precision policy", "region(c10::Device device) const", PrecisionPolicy<P>);
HONE_POLICY_NEEDS(has_start, "a precision policy with `start`", "void start(c10::Device device)",
                  !names_start<P> || StartsOnDevice<P>);
HONE_POLICY_NEEDS(
    has_scale, "a precision policy that scales the loss", "at::Tensor scale(const at::Tensor& loss)",
    !scales<P> || requires(P& precision, const at::Tensor& loss) {
      { precision.scale(loss) } -> std::convertible_to<at::Tensor>;
    });
HONE_POLICY_NEEDS(has_unscale, "a precision policy that scales the loss", "void unscale(at::TensorList gradients)",
                  !scales<P> || ScalesLoss<P>);
HONE_POLICY_NEEDS(has_update, "a precision policy that scales the loss",
                  "template <class Optimizer> void update(Optimizer& optimizer)", !scales<P> || names_update<P>);
HONE_POLICY_NEEDS(has_found_inf, "a precision policy with `found_inf`", "const at::Tensor& found_inf() const",
                  !names_found_inf<P> || TellsOverflow<P>);
HONE_POLICY_NEEDS(
    has_update_scale, "a precision policy with `step(optimizer)`", "void update_scale()",
    !names_step<P> || requires(P& precision) { precision.update_scale(); });
HONE_POLICY_NEEDS(has_step, "a precision policy with `update_scale()`",
                  "template <class Optimizer> void step(Optimizer& optimizer)",
                  !names_update_scale<P> || names_step<P>);
HONE_POLICY_NEEDS(has_dtype, "a precision policy that converts tensors", "static constexpr at::ScalarType dtype",
                  !(names_dtype<P> || converts_weights<P>) || ConvertsTensors<P>);
HONE_POLICY_NEEDS(has_keeps_master_weights, "a precision policy with `over(optimizer)`",
                  "using keeps_master_weights = void", !names_over<P> || KeepsMasterWeights<P>);
HONE_POLICY_NEEDS(has_over, "a precision policy with `keeps_master_weights`",
                  "template <class Optimizer> auto over(Optimizer&& optimizer)",
                  !names_keeps_master_weights<P> || names_over<P>);
HONE_POLICY_NEEDS(has_over_run, "a precision policy with `over_run`", "over_run() const",
                  !names_over_run<P> || SpansRuns<P>);
HONE_POLICY_NEEDS(
    has_gives_up, "a precision policy with `reason`", "bool gives_up()", !may_end<P> || requires(P& precision) {
      { precision.gives_up() } -> std::same_as<bool>;
    });
HONE_POLICY_NEEDS(has_reason, "a precision policy with `gives_up`", "std::string reason() const",
                  !may_end<P> || GivesUp<P>);

using All =
    Requirements<has_region, has_start, has_scale, has_unscale, has_update, has_found_inf, has_update_scale, has_step,
                 has_dtype, has_keeps_master_weights, has_over, has_over_run, has_gives_up, has_reason>;

}  // namespace detail::precision_rules

template <>
struct SlotRequirements<slots::Precision> : detail::precision_rules::All {};

}  // namespace hone
