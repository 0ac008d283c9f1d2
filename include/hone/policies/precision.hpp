// SPDX-License-Identifier: Apache-2.0
/// Policies for the number format of forward and loss, such as mixed precision.
///
/// | policy | use | incompatible with |
/// |---|---|---|
/// | `Fp32` | the default: operators compute in the dtype of their tensors | none |
/// | `Fp32With<MatmulPrecision::high>`, `Tf32` (`precision/matmul.hpp`) | `Fp32` with faster, less exact products of float32 matrices | exported models |
/// | `Bf16` (`precision/mixed.hpp`) | autocast to bfloat16 in forward and loss; weights stay float32 | exported models |
/// | `Fp16` (`precision/mixed.hpp`) | autocast to float16, with loss scaling: for devices without fast bfloat16 | exported models, optimizers that cannot skip a step on the device |
/// | `Fp64` (`precision/pure.hpp`) | model and data in float64, to find rounding errors | exported models, `Mps` |
/// | `PureBf16`, `PureFp16` (`precision/pure.hpp`) | model and data in 16 bits, master weights in float32: least memory traffic | exported models, optimizers that are not hone's, `Zero`, `KeepGradients` |
#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// A policy for the number format of a step. `region(device)` returns a RAII guard for forward and loss only.
template <class P>
concept PrecisionPolicy =
    PolicyFor<P, slots::Precision> && requires(const P& precision, c10::Device device) { precision.region(device); };

/// Optional: `start(device)` is called once, when the trainer is made and after the model is moved to `device`. It may
/// throw to reject the device.
template <class P>
concept InitializesOnDevice =
    PrecisionPolicy<P> && requires(P& precision, c10::Device device) { precision.start(device); };

/// Optional: loss scaling. The loss is scaled before backward and the gradients are unscaled once per update, before
/// clipping. `update(optimizer)` then makes the optimizer's step, or skips it on the device if a gradient is not
/// finite, and adjusts the scale. `Losses` calls `step` for each optimizer, then `update_scale`, instead of `update`.
template <class P>
concept ScalesLoss = PrecisionPolicy<P> && requires(P& precision, const at::Tensor& loss, at::TensorList gradients) {
  { precision.scale(loss) } -> std::convertible_to<at::Tensor>;
  precision.unscale(gradients);
};
/// Optional, for loss scaling: after `unscale`, `found_inf()` is 1 if a gradient is not finite, else 0. With sharded
/// gradients, the trainer replaces it by the maximum over all ranks.
template <class P>
concept ReportsOverflow = ScalesLoss<P> && requires(const P& precision) {
  { precision.found_inf() } -> std::convertible_to<const at::Tensor&>;
};

/// Optional: converts floating-point tensors to `P::dtype`: the parameters and buffers of model and loss when the
/// trainer is made, each batch, including its target, when its step begins.
template <class P>
concept ConvertsTensors = PrecisionPolicy<P> && requires {
  { P::dtype } -> std::convertible_to<at::ScalarType>;
};

/// Optional, for conversion: the optimizer updates master weights, copies in a wider dtype. `over(optimizer)` converts
/// a bound optimizer into one with the same interface (see `Optimizer`), and its parameters to `P::dtype`.
template <class P>
concept KeepsMasterWeights = ConvertsTensors<P> && requires { typename P::keeps_master_weights; };

/// Optional: `over_run()` returns a RAII guard for a run, and for a step of the caller's own loop, backward included.
template <class P>
concept HasRunScope = PrecisionPolicy<P> && requires(const P& precision) { precision.over_run(); };

/// Optional: `has_diverged()` returns whether training cannot make progress. It is called after each training batch,
/// without host synchronization. If it is true, the trainer requests a stop with `reason()`.
template <class P>
concept DetectsDivergence = PrecisionPolicy<P> && requires(P& precision, const P& constant) {
  { precision.has_diverged() } -> std::same_as<bool>;
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

/// The type of an optimizer under the precision policy `P`: with master weights, or `O`.
template <PrecisionPolicy P, class O>
using OptimizerUnder = typename detail::OptimizerUnder<P, O>::type;

/// Every operator computes in the dtype of its tensors, float32 unless the model has another dtype.
struct Fp32 {
  using slot = slots::Precision;
  [[nodiscard]] static NoScope region(c10::Device) { return {}; }
};
static_assert(PrecisionPolicy<Fp32> && std::is_empty_v<Fp32>);
static_assert(!ScalesLoss<Fp32> && !ConvertsTensors<Fp32> && !InitializesOnDevice<Fp32> && !HasRunScope<Fp32> &&
              !DetectsDivergence<Fp32>);

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
HONE_DEFINE_NAMES(has_diverged);
HONE_DEFINE_NAMES(reason);

/// True if `P` names at least one of the functions that scale the loss.
template <class P>
inline constexpr bool scales = names_scale<P> || names_unscale<P> || names_update<P> || names_found_inf<P> ||
                               names_update_scale<P> || names_step<P>;
template <class P>
inline constexpr bool converts_weights = names_keeps_master_weights<P> || names_over<P>;
template <class P>
inline constexpr bool may_end = names_has_diverged<P> || names_reason<P>;

HONE_POLICY_NEEDS(has_region, "a precision policy", "region(c10::Device device) const", PrecisionPolicy<P>);
HONE_POLICY_NEEDS(has_start, "a precision policy with `start`", "void start(c10::Device device)",
                  !names_start<P> || InitializesOnDevice<P>);
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
                  !names_found_inf<P> || ReportsOverflow<P>);
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
                  !names_over_run<P> || HasRunScope<P>);
HONE_POLICY_NEEDS(
    has_gives_up, "a precision policy with `reason`", "bool has_diverged()", !may_end<P> || requires(P& precision) {
      { precision.has_diverged() } -> std::same_as<bool>;
    });
HONE_POLICY_NEEDS(has_reason, "a precision policy with `has_diverged`", "std::string reason() const",
                  !may_end<P> || DetectsDivergence<P>);

using All =
    Requirements<has_region, has_start, has_scale, has_unscale, has_update, has_found_inf, has_update_scale, has_step,
                 has_dtype, has_keeps_master_weights, has_over, has_over_run, has_gives_up, has_reason>;

}  // namespace detail::precision_rules

template <>
struct SlotRequirements<slots::Precision> : detail::precision_rules::All {};

}  // namespace hone
