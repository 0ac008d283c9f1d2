// SPDX-License-Identifier: Apache-2.0
/// Mixed precision: forward and loss in 16 bits with autocast; weights, gradients and the optimizer in float32.
#pragma once

#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/optim/rule.hpp"
#include "hone/policies/precision.hpp"
#include "hone/precision/autocast.hpp"
#include "hone/precision/loss_scaler.hpp"

namespace hone {

namespace detail {

/// An optimizer, or a rule, that can skip a step depending on a scalar on the device.
template <class O>
concept SkipsOnDevice =
    OptimizerRule<O> || requires(O& optimizer, const StepScaling& scaling) { optimizer.step(scaling); };

/// The requirement of loss scaling on the optimizer.
struct LossScalingRequirements {
  template <class Optimizer>
  struct compatible_with_optimizer : std::bool_constant<SkipsOnDevice<Optimizer>> {};
  template <class Optimizer>
  struct incompatible_with_optimizer {
    static_assert(
        SkipsOnDevice<Optimizer>,
        "hone: loss scaling needs an optimizer that skips a step if a gradient overflowed, and this optimizer has no "
        "`step(const hone::StepScaling&)`. Use a rule such as hone::AdamW, a hone::FusedOptimizer, or Bf16.");
  };
};

}  // namespace detail

/// Forward and loss in bfloat16 if autocast considers that safe. bfloat16 has the exponent range of float32, so loss
/// scaling is not necessary.
///
/// **Cost** the cost of `Autocast`, once for each batch.
/// **Errors** `std::invalid_argument` at the construction of the trainer for a device that has no autocast.
/// **Source** Python's `torch.autocast(dtype=torch.bfloat16)`.
/// **Example** `hone::Trainer{model, loss, hone::AdamW{}, hone::Bf16{}}`
struct Bf16 {
  using slot = slots::Precision;
  static void start(c10::Device device) { Autocast::check(device.type(), at::kBFloat16); }
  static Autocast region(c10::Device device) { return {device.type(), at::kBFloat16}; }
};
static_assert(PrecisionPolicy<Bf16> && !ScalesLoss<Bf16> && std::is_empty_v<Bf16>);

/// Forward and loss in float16 if autocast considers that safe, with loss scaling; see `LossScaler`, whose state is
/// part of the trainer's training state. For devices that are slow in bfloat16.
///
/// `trainer.precision().skipped()` is the number of skipped updates. After `max_skipped_in_a_row` consecutive skipped
/// updates, the run ends.
///
/// **Cost** the cost of `Autocast` and `LossScaler`.
/// **Errors** `std::invalid_argument` as `Bf16`, and for settings out of range; one `static_assert` message for an
/// optimizer that cannot skip a step on the device.
/// **Source** Python's `torch.autocast(dtype=torch.float16)` and `torch.amp.GradScaler`.
/// **Example** `hone::Trainer{model, loss, hone::AdamW{}, hone::Fp16({.growth_interval = 500})}`
class Fp16 : public LossScaler, public detail::LossScalingRequirements {
 public:
  using slot = slots::Precision;
  using LossScaler::LossScaler;

  void start(c10::Device device) {
    Autocast::check(device.type(), at::kHalf);
    LossScaler::start(device);
  }
  static Autocast region(c10::Device device) { return {device.type(), at::kHalf}; }
};
static_assert(ScalesLoss<Fp16> && ReportsOverflow<Fp16> && InitializesOnDevice<Fp16> && DetectsDivergence<Fp16>);

}  // namespace hone
