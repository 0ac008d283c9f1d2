// SPDX-License-Identifier: Apache-2.0
/// What becomes of the gradients when an update has used them.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `SetToNone` | the default: their memory is free until the next backward pass, which writes them instead of adding
/// | none | | `KeepGradients` | somebody holds views of them: they are filled with zeros and stay where they are |
/// `Zero`, master weights, recorded steps, an optimizer without `zero_grad(false)` |
#pragma once

#include <ATen/core/Tensor.h>

#include <type_traits>
#include <vector>

#include "hone/core/pointee.hpp"
#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"
#include "hone/policies/distribution.hpp"
#include "hone/policies/execution.hpp"
#include "hone/policies/precision.hpp"

namespace hone {

namespace detail {

/// Stands for any optimizer of a trainer.
struct SomeOptimizer {
  void step();
  void zero_grad(bool set_to_none = true);
  std::vector<at::Tensor> parameters() const;
  at::TensorList collect_gradients();
};

}  // namespace detail

/// Clears the gradients of an optimizer's parameters, with `clear(optimizer)`.
template <class P>
concept GradientsPolicy =
    PolicyFor<P, slots::Gradients> && requires(detail::SomeOptimizer& optimizer) { P::clear(optimizer); };

/// Takes them away.
struct SetToNone {
  using slot = slots::Gradients;
  template <class Optimizer>
  static void clear(Optimizer& optimizer) {
    optimizer.zero_grad();
  }
};

namespace detail {

template <class P>
inline constexpr bool needs_gradients_gone = ShardsOptimizer<P> || KeepsMasterWeights<P> || RecordsSteps<P>;

/// An update rule, or an optimizer that can fill gradients with zeros.
template <class O>
inline constexpr bool can_keep_gradients =
    requires { O::state_names; } || requires(O& optimizer) { optimizer.zero_grad(false); };

}  // namespace detail

/// Fills them with zeros. A gradient that is there, from the first backward pass or from the host, keeps its memory to
/// the end. As everywhere with zeros in the place of none, a parameter that a window of batches does not reach is
/// updated all the same, by momentum and weight decay.
///
/// **Cost** a pass over all gradients for each update, and their memory during forward.
struct KeepGradients {
  using slot = slots::Gradients;
  template <class Optimizer>
  static void clear(Optimizer& optimizer) {
    optimizer.zero_grad(/*set_to_none=*/false);
  }

  template <class... Policies>
  struct fits : std::bool_constant<!(... || detail::needs_gradients_gone<Policies>)> {};
  template <class... Policies>
  struct misfit {
    static_assert(
        fits<Policies...>::value,
        "hone: KeepGradients leaves gradients where they are, and Zero, master weights and recorded steps hand them "
        "out anew in each update. Leave KeepGradients out, or those.");
  };
  template <class Optimizer>
  struct fits_optimizer : std::bool_constant<detail::can_keep_gradients<PointeeOf<Optimizer>>> {};
  template <class Optimizer>
  struct misfit_optimizer {
    static_assert(fits_optimizer<Optimizer>::value,
                  "hone: KeepGradients calls `zero_grad(false)`, which this optimizer does not have. Give it a "
                  "`void zero_grad(bool set_to_none)`, or leave KeepGradients out.");
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
