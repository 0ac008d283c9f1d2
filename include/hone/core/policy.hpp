// SPDX-License-Identifier: Apache-2.0
/// Policies, each of which fills one slot of the trainer, and the selection of the policy for a slot.
#pragma once

#include <concepts>

#include "hone/core/hana.hpp"
#include "hone/core/slots.hpp"

namespace hone {

/// A type that fills one slot of the trainer: `using slot = hone::slots::Device;`.
template <class P>
concept Policy = requires { typename P::slot; };

/// A policy that fills `Slot`.
template <class P, class Slot>
concept PolicyFor = Policy<P> && std::same_as<typename P::slot, Slot>;

namespace detail {

template <class Slot>
inline constexpr auto answers_slot =
    [](auto policy) { return boost::hana::bool_c<PolicyFor<typename decltype(policy)::type, Slot>>; };

template <class Slot, class... Policies>
using PoliciesForSlot = decltype(boost::hana::filter(boost::hana::tuple_t<Policies...>, answers_slot<Slot>));

template <class Slot, class Default, class... Policies>
constexpr auto answer_to() {
  if constexpr (constexpr PoliciesForSlot<Slot, Policies...> answers{};
                decltype(boost::hana::size(answers))::value == 0) {
    return boost::hana::type_c<Default>;
  } else {
    return boost::hana::front(answers);
  }
}

}  // namespace detail

/// The type among `Policies` that fills `Slot`, `Default` if none does. The order of the policies does not matter.
template <class Slot, class Default, class... Policies>
using SelectPolicy = typename decltype(detail::answer_to<Slot, Default, Policies...>())::type;

/// The number of `Policies` that fill `Slot`.
template <class Slot, class... Policies>
inline constexpr int num_policies_for = (0 + ... + int{PolicyFor<Policies, Slot>});

namespace detail {

/// Requires a list of optimizers (`Optimizers`) that are checked against the policy one by one.
template <class P, class Optimizer>
concept asks_about_each =
    requires { Optimizer::template each_is_compatible<P>; } && !requires { P::takes_one_optimizer; };

}  // namespace detail

/// The return type of a policy for a scope in which it does nothing.
struct NoScope {};

/// True if `P` can be combined with `Policies`. Optional: a policy restricts this with
/// `template <class... Policies> struct compatible_with`, which has a `value`, and `template <class... Policies> struct incompatible_with`, a
/// failing `static_assert` with the message. A model can restrict its loss and the policies in the same way, a loss its
/// model.
template <class P, class... Policies>
inline constexpr bool is_compatible = [] {
  if constexpr (requires { P::template compatible_with<Policies...>::value; }) {
    return P::template compatible_with<Policies...>::value;
  } else {
    return true;
  }
}();

/// True if `P` can be combined with `Optimizer`. Optional: a policy restricts this with `compatible_with_optimizer<Optimizer>` and
/// `incompatible_with_optimizer<Optimizer>`. Each optimizer of a list (`Optimizers`) is checked; if `P` has a member
/// `takes_one_optimizer`, the list is checked as a whole.
template <class P, class Optimizer>
inline constexpr bool is_compatible_with_optimizer = [] {
  if constexpr (requires { P::template compatible_with_optimizer<Optimizer>::value; }) {
    if constexpr (detail::asks_about_each<P, Optimizer>) {
      return Optimizer::template each_is_compatible<P>;
    } else {
      return P::template compatible_with_optimizer<Optimizer>::value;
    }
  } else {
    return true;
  }
}();

namespace detail {

template <class P, class Optimizer>
struct MisfitOptimizer {
  using type = typename P::template incompatible_with_optimizer<Optimizer>;
};
template <class P, class Optimizer>
  requires asks_about_each<P, Optimizer>
struct MisfitOptimizer<P, Optimizer> {
  using type = typename Optimizer::template misfit_of<P>;
};

/// The error type for the first optimizer that `P` cannot be combined with.
template <class P, class... Optimizers>
struct MisfitOfFirst;
template <class P, class First, class... Rest>
struct MisfitOfFirst<P, First, Rest...>
    : std::conditional_t<is_compatible_with_optimizer<P, First>, MisfitOfFirst<P, Rest...>, MisfitOptimizer<P, First>> {
};

}  // namespace detail

}  // namespace hone
