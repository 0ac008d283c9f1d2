// SPDX-License-Identifier: Apache-2.0
/// Policies for the gradients after an update.
///
/// | policy | use | incompatible with |
/// |---|---|---|
/// | `SetToNone` | the default: frees their memory, and the next backward pass writes instead of adding | none |
/// | `KeepGradients` | fills them with zeros in place, so that views of them stay valid | `Zero`, `PureBf16`, `PureFp16`, `StepCapture`, an optimizer without `zero_grad(false)` |
#pragma once

#include <ATen/core/Tensor.h>

#include <type_traits>
#include <vector>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"
#include "hone/core/unwrap.hpp"
#include "hone/policies/distribution.hpp"
#include "hone/policies/execution.hpp"
#include "hone/policies/precision.hpp"

namespace hone {

namespace detail {

/// An archetype of a trainer's optimizer, for the concept `GradientsPolicy`.
struct SomeOptimizer {
  void step();
  void zero_grad(bool set_to_none = true);
  std::vector<at::Tensor> parameters() const;
  at::TensorList collect_gradients();
};

}  // namespace detail

/// A policy that clears the gradients of an optimizer's parameters with `clear(optimizer)`.
template <class P>
concept GradientsPolicy =
    PolicyFor<P, slots::Gradients> && requires(detail::SomeOptimizer& optimizer) { P::clear(optimizer); };

/// Resets each gradient to an undefined tensor.
struct SetToNone {
  using slot = slots::Gradients;
  template <class Optimizer>
  static void clear(Optimizer& optimizer) {
    optimizer.zero_grad();
  }
};

namespace detail {

template <class P>
inline constexpr bool needs_gradients_gone = ShardsOptimizer<P> || KeepsMasterWeights<P> || CapturesSteps<P>;

/// True for an update rule, and for an optimizer that can fill gradients with zeros.
template <class O>
inline constexpr bool can_keep_gradients =
    requires { O::state_names; } || requires(O& optimizer) { optimizer.zero_grad(false); };

}  // namespace detail

/// Fills each gradient with zeros in place. A gradient that exists, from the first backward pass or from the caller,
/// keeps its memory. As with zeroed gradients in general, momentum and weight decay also update a parameter that an
/// accumulation window does not reach.
///
/// **Cost** one pass over all gradients per update, and their memory during the forward pass.
struct KeepGradients {
  using slot = slots::Gradients;
  template <class Optimizer>
  static void clear(Optimizer& optimizer) {
    optimizer.zero_grad(/*set_to_none=*/false);
  }

  template <class... Policies>
  struct compatible_with : std::bool_constant<!(... || detail::needs_gradients_gone<Policies>)> {};
  template <class... Policies>
  struct incompatible_with {
    static_assert(compatible_with<Policies...>::value,
                  "hone: KeepGradients keeps gradients in place, and Zero, master weights and CUDA graph capture "
                  "replace them in each update. Remove KeepGradients or the other policy.");
  };
  template <class Optimizer>
  struct compatible_with_optimizer : std::bool_constant<detail::can_keep_gradients<UnwrapRef<Optimizer>>> {};
  template <class Optimizer>
  struct incompatible_with_optimizer {
    static_assert(compatible_with_optimizer<Optimizer>::value,
                  "hone: KeepGradients calls `zero_grad(false)`, which this optimizer does not have. Add `void "
                  "zero_grad(bool set_to_none)` to it, or remove KeepGradients.");
  };
};
static_assert(GradientsPolicy<SetToNone> && GradientsPolicy<KeepGradients> && std::is_empty_v<KeepGradients>);

namespace detail::gradients_rules {

HONE_POLICY_NEEDS(has_clear, "a gradients policy", "template <class Optimizer> static void clear(Optimizer& optimizer)",
                  GradientsPolicy<P>);

}  // namespace detail::gradients_rules

template <>
struct SlotRequirements<slots::Gradients> : detail::Requirements<detail::gradients_rules::has_clear> {};

}  // namespace hone
