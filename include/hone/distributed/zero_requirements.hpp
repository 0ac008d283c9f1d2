// SPDX-License-Identifier: Apache-2.0
/// The compatibility of `Zero` with the clipping, precision and optimizer of a trainer.
#pragma once

#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/rule.hpp"
#include "hone/policies/clipping.hpp"
#include "hone/policies/precision.hpp"

namespace hone::detail {

template <class O>
inline constexpr bool can_be_sharded = OptimizerRule<O>;
template <class Rule>
inline constexpr bool can_be_sharded<FusedOptimizer<Rule>> = true;

template <int stage>
struct ZeroRequirements {
  static_assert(stage == 1 || stage == 2,
                "hone: the stage of Zero is neither 1 nor 2. Use Zero<1> to shard the optimizer state, or Zero<2> to "
                "shard the gradients too.");

  template <class... Policies>
  struct compatible_with {
    using Clipping = SelectPolicy<slots::Clipping, NoClip, Policies...>;
    using Precision = SelectPolicy<slots::Precision, Fp32, Policies...>;
    static constexpr bool can_clip = !ClipPolicy<Clipping> || ClipsShards<Clipping> || ClipsElements<Clipping>;
    static constexpr bool can_scale = !ScalesLoss<Precision> || ReportsOverflow<Precision>;
    static constexpr bool value = can_clip && can_scale && !KeepsMasterWeights<Precision>;
  };
  template <class... Policies>
  struct incompatible_with {
    static_assert(compatible_with<Policies...>::can_clip,
                  "hone: with Zero, each rank has only a shard of the gradients, and this clipping policy needs all of "
                  "them. Add `clip(gradients, of_each)` as in ClipNorm, or, if it clips each element separately, "
                  "`static constexpr bool is_elementwise = true`.");
    static_assert(!compatible_with<Policies...>::can_clip || compatible_with<Policies...>::can_scale,
                  "hone: with Zero, each rank has only a shard of the gradients, and this precision policy scales the "
                  "loss without `found_inf()`, which the ranks need to agree on an overflow. Add it, or use Ddp.");
    static_assert(!compatible_with<Policies...>::can_clip || !compatible_with<Policies...>::can_scale ||
                      compatible_with<Policies...>::value,
                  "hone: Zero shards an optimizer that updates the model's weights, and with this precision policy it "
                  "updates master weights. Use Bf16 or Fp16 with Zero, or use Ddp.");
  };
  static constexpr bool takes_one_optimizer = true;
  template <class Optimizer>
  struct compatible_with_optimizer : std::bool_constant<can_be_sharded<Optimizer>> {};
  template <class Optimizer>
  struct incompatible_with_optimizer {
    static_assert(can_be_sharded<Optimizer>,
                  "hone: Zero can shard only one optimizer, and only a rule or a hone::FusedOptimizer. Use a rule such "
                  "as hone::AdamW, or use Ddp.");
  };
};

}  // namespace hone::detail
