// SPDX-License-Identifier: Apache-2.0
/// Precision policies with one dtype for model and data.
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

/// Model and data in `format`, with an optimizer of float32 master weights.
template <at::ScalarType format>
struct PureFormat {
  using slot = slots::Precision;
  using keeps_master_weights = void;
  static constexpr at::ScalarType dtype = format;

  template <class Optimizer>
  struct compatible_with_optimizer : std::bool_constant<is_of_a_rule<Optimizer>> {};
  template <class Optimizer>
  struct incompatible_with_optimizer {
    static_assert(is_of_a_rule<Optimizer>,
                  "hone: weights in 16 bits need float32 master weights, which this optimizer does not support. Use a "
                  "rule such as hone::AdamW, a hone::FusedOptimizer, or Bf16, which keeps the weights in float32.");
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

/// Model and data in double, to find out whether rounding causes a problem. The construction of the trainer converts
/// parameters and buffers permanently. Floating point tensors of a batch, including targets, are converted on arrival.
///
/// Tensors that a model creates in `forward` have LibTorch's default dtype.
///
/// **Cost** twice the memory; arithmetic is 2 times slower on a CPU, 2 to 64 times on a GPU.
struct Fp64 {
  using slot = slots::Precision;
  static constexpr at::ScalarType dtype = at::kDouble;
  [[nodiscard]] static NoScope region(c10::Device) { return {}; }
};

/// Model and data in bfloat16, without autocast. The construction of the trainer converts parameters and buffers.
/// Floating point tensors of a batch, including targets, are converted on arrival. The optimizer updates float32 master
/// weights (`MasterWeights`), which checkpoints contain. Gradient accumulation and the all-reduce of gradients are in
/// bfloat16.
///
/// Losses and running statistics are also in bfloat16, with 8 significant bits. For batch normalization, prefer `Bf16`.
///
/// **Cost** half the memory traffic of forward and backward; the cost of `MasterWeights`.
/// **Errors** one `static_assert` message for an optimizer that is not hone's.
struct PureBf16 : detail::PureFormat<at::kBFloat16> {};

/// As `PureBf16`, but in float16 with loss scaling; see `LossScaler`. The largest float16 number is 65504, so the scale
/// settles at 32768 or below, and the first update at the default `init_scale` of 65536 is skipped.
///
/// **Errors** as `PureBf16`, and `std::invalid_argument` for settings out of range.
class PureFp16 : public LossScaler, public detail::PureFormat<at::kHalf> {
 public:
  using LossScaler::LossScaler;
};

static_assert(ConvertsTensors<Fp64> && !KeepsMasterWeights<Fp64> && std::is_empty_v<Fp64>);
static_assert(KeepsMasterWeights<PureBf16> && !ScalesLoss<PureBf16> && std::is_empty_v<PureBf16>);
static_assert(KeepsMasterWeights<PureFp16> && ReportsOverflow<PureFp16> && InitializesOnDevice<PureFp16> &&
              DetectsDivergence<PureFp16>);

}  // namespace hone
