// SPDX-License-Identifier: Apache-2.0
/// Policies: types that answer one question of the trainer each, and how the trainer finds the answer to a question.
#pragma once

#include <concepts>

#include "hone/core/hana.hpp"
#include "hone/core/slots.hpp"

namespace hone {

/// A type that answers one of the trainer's questions. It says which: `using slot = hone::slots::Device;`.
template <class P>
concept Policy = requires { typename P::slot; };

/// A policy that answers `Slot`.
template <class P, class Slot>
concept PolicyFor = Policy<P> && std::same_as<typename P::slot, Slot>;

namespace detail {

template <class Slot>
inline constexpr auto answers_slot =
    [](auto policy) { return boost::hana::bool_c<PolicyFor<typename decltype(policy)::type, Slot>>; };

template <class Slot, class... Policies>
using AnswersTo = decltype(boost::hana::filter(boost::hana::tuple_t<Policies...>, answers_slot<Slot>));

template <class Slot, class Default, class... Policies>
constexpr auto answer_to() {
  if constexpr (constexpr AnswersTo<Slot, Policies...> answers{}; decltype(boost::hana::size(answers))::value == 0) {
    return boost::hana::type_c<Default>;
  } else {
    return boost::hana::front(answers);
  }
}

}  // namespace detail

/// The type among `Policies` that answers `Slot`; `Default` when none does. The order of the policies is free.
template <class Slot, class Default, class... Policies>
using AnswerTo = typename decltype(detail::answer_to<Slot, Default, Policies...>())::type;

/// How many of `Policies` answer `Slot`.
template <class Slot, class... Policies>
inline constexpr int num_answers = (0 + ... + int{PolicyFor<Policies, Slot>});

namespace detail {

/// Several optimizers in one: a policy is asked about each.
template <class P, class Optimizer>
concept asks_about_each = requires { Optimizer::template each_fits<P>; } && !requires { P::takes_one_optimizer; };

}  // namespace detail

/// What a policy returns for a scope in which it has nothing to do.
struct NoScope {};

/// Optional ability: a policy with a say about its company has `template <class... Policies> struct fits` with a
/// `value` and a `template <class... Policies> struct misfit` that holds the sentence, a failing `static_assert`. A
/// model may say the same about its loss and the policies, a loss about its model.
template <class P, class... Policies>
inline constexpr bool fits_with = [] {
  if constexpr (requires { P::template fits<Policies...>::value; }) {
    return P::template fits<Policies...>::value;
  } else {
    return true;
  }
}();

/// The same about the optimizer alone: `fits_optimizer<Optimizer>` and `misfit_optimizer<Optimizer>`. Of several
/// optimizers in one (`Optimizers`), the policy is asked about each, unless it has a member `takes_one_optimizer`.
template <class P, class Optimizer>
inline constexpr bool fits_with_optimizer = [] {
  if constexpr (requires { P::template fits_optimizer<Optimizer>::value; }) {
    if constexpr (detail::asks_about_each<P, Optimizer>) {
      return Optimizer::template each_fits<P>;
    } else {
      return P::template fits_optimizer<Optimizer>::value;
    }
  } else {
    return true;
  }
}();

namespace detail {

template <class P, class Optimizer>
struct MisfitOptimizer {
  using type = typename P::template misfit_optimizer<Optimizer>;
};
template <class P, class Optimizer>
  requires asks_about_each<P, Optimizer>
struct MisfitOptimizer<P, Optimizer> {
  using type = typename Optimizer::template misfit_of<P>;
};

/// The error of the first of several optimizers that does not fit.
template <class P, class First, class... Rest>
struct MisfitOfFirst
    : std::conditional_t<fits_with_optimizer<P, First>, MisfitOfFirst<P, Rest...>, MisfitOptimizer<P, First>> {};

}  // namespace detail

}  // namespace hone
