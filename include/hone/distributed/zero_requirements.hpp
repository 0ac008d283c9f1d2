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
  static_assert(
      stage == 1 || stage == 2,
      "hone: there are Zero<1>, which divides the optimizer's state, and Zero<2>, which divides the gradients "
      "too. Choose one of them.");

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
    static_assert(
        compatible_with<Policies...>::can_clip,
        "hone: with Zero, each process has the gradients of its own parameters, and this clipping policy takes "
        "all of them. Give it `clip(gradients, of_each)` as ClipNorm has it, or say that it looks at each element "
        "by itself: `static constexpr bool is_elementwise = true`.");
    static_assert(!compatible_with<Policies...>::can_clip || compatible_with<Policies...>::can_scale,
                  "hone: with Zero, each process has the gradients of its own parameters, and this precision policy "
                  "scales the loss and has no `found_inf()` by which the processes agree. Give it that, or use Ddp.");
    static_assert(
        !compatible_with<Policies...>::can_clip || !compatible_with<Policies...>::can_scale ||
            compatible_with<Policies...>::value,
        "hone: Zero divides an optimizer that works on the model's weights, and this precision policy lets it "
        "work on copies. Use Bf16 or Fp16 with Zero, or Ddp.");
  };
  static constexpr bool takes_one_optimizer = true;
  template <class Optimizer>
  struct compatible_with_optimizer : std::bool_constant<can_be_sharded<Optimizer>> {};
  template <class Optimizer>
  struct incompatible_with_optimizer {
    static_assert(
        can_be_sharded<Optimizer>,
        "hone: Zero divides the state of one of hone's own optimizers, and this is another one, or several. Use a "
        "rule such as hone::AdamW or a hone::FusedOptimizer, or Ddp.");
  };
};

}  // namespace hone::detail
