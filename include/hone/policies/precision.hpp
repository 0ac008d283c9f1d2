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

#include <string>
#include <type_traits>
#include <utility>

#include "hone/core/policy.hpp"

namespace hone {

/// Chooses the number format of a step. What `region` returns lives over forward and loss; backward runs outside it.
template <class P>
concept PrecisionPolicy = PolicyFor<P, slots::Precision> && requires(const P& precision, c10::Device device) {
  precision.region(device);
};

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
static_assert(!ScalesLoss<Fp32> && !ConvertsTensors<Fp32> && !StartsOnDevice<Fp32> && !SpansRuns<Fp32> && !GivesUp<Fp32>);

}  // namespace hone
