// SPDX-License-Identifier: Apache-2.0
/// One number format for model and data.
#pragma once

#include <c10/core/ScalarType.h>

#include <type_traits>
#include <utility>

#include "hone/core/policy.hpp"
#include "hone/optim/composite_optimizer.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/rule.hpp"
#include "hone/policies/precision.hpp"
#include "hone/precision/loss_scaler.hpp"
#include "hone/precision/master_weights.hpp"

namespace hone {

namespace detail {

template <class O>
inline constexpr bool is_of_a_rule = OptimizerRule<O>;
template <class Rule>
inline constexpr bool is_of_a_rule<FusedOptimizer<Rule>> = true;

/// Model and data in `format`, the optimizer on float32 copies of the weights.
template <at::ScalarType format>
struct PureFormat {
  using slot = slots::Precision;
  using keeps_master_weights = void;
  static constexpr at::ScalarType dtype = format;

  template <class Optimizer>
  struct fits_optimizer : std::bool_constant<is_of_a_rule<Optimizer>> {};
  template <class Optimizer>
  struct misfit_optimizer {
    static_assert(is_of_a_rule<Optimizer>,
                  "hone: with weights in 16 bits, hone's own optimizers work on float32 copies of them, and this is "
                  "another one. Use a rule such as hone::AdamW or a hone::FusedOptimizer, or Bf16, which leaves the "
                  "weights float32.");
  };

  [[nodiscard]] static NoScope region(c10::Device) { return {}; }
  template <OptimizerRule Rule>
  [[nodiscard]] static MasterWeights<Rule> over(FusedOptimizer<Rule>&& optimizer) {
    return MasterWeights<Rule>(std::move(optimizer), format);
  }
  template <class... Named>
  [[nodiscard]] static auto over(CompositeOptimizer<Named...>&& optimizers) {
    return std::move(optimizers).map([](auto&& optimizer) { return over(std::move(optimizer)); });
  }
};

}  // namespace detail

/// Model and data in double: parameters and buffers are converted when the trainer is made, and stay so; floating point
/// tensors of a batch, targets among them, when they arrive. To find out whether rounding is what goes wrong.
///
/// What a model makes anew in `forward` has LibTorch's default format, as ever.
///
/// **Cost** twice the memory; arithmetic is 2 times slower on a CPU, 2 to 64 times on a GPU.
struct Fp64 {
  using slot = slots::Precision;
  static constexpr at::ScalarType dtype = at::kDouble;
  [[nodiscard]] static NoScope region(c10::Device) { return {}; }
};

/// Model and data in bfloat16, with no autocast: parameters and buffers are converted when the trainer is made,
/// floating point tensors of a batch, targets among them, when they arrive. The optimizer works on float32 copies of
/// the weights
/// (`MasterWeights`), which are what checkpoints hold. Gradients are summed over a window, and over processes, in
/// bfloat16.
///
/// Everything is in bfloat16, losses and running statistics too: 8 bits of mantissa. A batch norm is better off under
/// `Bf16`.
///
/// **Cost** half the memory traffic of forward and backward; that of `MasterWeights`.
/// **Errors** at compile time for an optimizer that is not hone's.
struct PureBf16 : detail::PureFormat<at::kBFloat16> {};

/// The same in float16, with a loss that is scaled; see `LossScaler`. A loss in float16 takes no gradient above 65504,
/// so the scale settles at 32768 or below and the first update is skipped.
///
/// **Errors** as `PureBf16`, and `std::invalid_argument` for settings out of range.
class PureFp16 : public LossScaler, public detail::PureFormat<at::kHalf> {
 public:
  using LossScaler::LossScaler;
};

static_assert(ConvertsTensors<Fp64> && !KeepsMasterWeights<Fp64> && std::is_empty_v<Fp64>);
static_assert(KeepsMasterWeights<PureBf16> && !ScalesLoss<PureBf16> && std::is_empty_v<PureBf16>);
static_assert(KeepsMasterWeights<PureFp16> && TellsOverflow<PureFp16> && StartsOnDevice<PureFp16> && GivesUp<PureFp16>);

}  // namespace hone
