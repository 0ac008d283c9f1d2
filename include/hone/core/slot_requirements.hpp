// SPDX-License-Identifier: Apache-2.0
/// What a slot requires of its policies, and the compile-time error for a policy that lacks it.
///
/// The file that defines the interface of a slot lists the requirements in a specialization of `SlotRequirements`:
/// each function that the trainer calls, and for each optional ability all of its functions. So a misspelt function, a
/// wrong signature or half of an ability is an error, never a function that is not called. A member function of a
/// template whose `requires` clause does not hold counts as one with a wrong signature: to have it for some arguments
/// only, inherit it from a base class that is chosen by them.
#pragma once

#include <type_traits>

#include "hone/core/names.hpp"

/// Defines the requirement `rule`: `owner` needs the member `signature`. What follows is the condition on a policy `P`.
#define HONE_POLICY_NEEDS(rule, owner, signature, ...)                                            \
  struct rule {                                                                                   \
    template <class P>                                                                            \
    static constexpr bool met = __VA_ARGS__;                                                      \
    template <class P>                                                                            \
    struct misfit {                                                                               \
      static_assert(sizeof(P) == 0, "hone: " owner " needs `" signature                           \
                                    "`, and this one has no such public member. Check its name, " \
                                    "parameters and return type.");                               \
    };                                                                                            \
  }

namespace hone {

namespace detail {

struct requirements_met {};

template <class P, class... Rules>
struct FirstUnmet {
  using type = requirements_met;
};
template <class P, class First, class... Rest>
struct FirstUnmet<P, First, Rest...> : std::conditional_t<First::template met<P>, FirstUnmet<P, Rest...>,
                                                          std::type_identity<typename First::template misfit<P>>> {};

/// A list of requirements, checked in order.
template <class... Rules>
struct Requirements {
  template <class P>
  static constexpr bool met = (Rules::template met<P> && ...);
  /// Names, without instantiating it, the error for the first that `P` does not meet.
  template <class P>
  using unmet = typename FirstUnmet<P, Rules...>::type;
};

}  // namespace detail

/// What the policies of `Slot` must have. Specialized in the file of the slot's interface.
template <class Slot>
struct SlotRequirements : detail::Requirements<> {};

namespace detail::policy_rules {

HONE_DEFINE_NAMES(fits);
HONE_DEFINE_NAMES(misfit);
HONE_DEFINE_NAMES(fits_optimizer);
HONE_DEFINE_NAMES(misfit_optimizer);

struct slot_is_known {
  template <class P>
  static constexpr bool met = requires { typename P::slot::template at_most_one<>; };
  template <class P>
  struct misfit {
    static_assert(sizeof(P) == 0,
                  "hone: the trainer has no slot of the type that this policy gives as its `slot`. Write `using slot = "
                  "hone::slots::Device;`, or another slot of hone/core/slots.hpp.");
  };
};
HONE_POLICY_NEEDS(
    has_fits, "a policy with `misfit`", "template <class... Policies> struct fits",
    !(names_fits<P> || names_misfit<P>) || requires { typename P::template fits<P>; });
HONE_POLICY_NEEDS(has_misfit, "a policy with `fits`", "template <class... Policies> struct misfit",
                  !names_fits<P> || names_misfit<P>);
HONE_POLICY_NEEDS(has_fits_optimizer, "a policy with `misfit_optimizer`",
                  "template <class Optimizer> struct fits_optimizer",
                  !names_misfit_optimizer<P> || names_fits_optimizer<P>);
HONE_POLICY_NEEDS(has_misfit_optimizer, "a policy with `fits_optimizer`",
                  "template <class Optimizer> struct misfit_optimizer",
                  !names_fits_optimizer<P> || names_misfit_optimizer<P>);

/// Of every policy.
using Common = Requirements<slot_is_known, has_fits, has_misfit, has_fits_optimizer, has_misfit_optimizer>;

}  // namespace detail::policy_rules

/// The policy `P` has all that its slot requires.
template <class P>
inline constexpr bool meets_slot =
    detail::policy_rules::Common::met<P> && SlotRequirements<typename P::slot>::template met<P>;

namespace detail {

/// Names, without instantiating it, the error for a policy that does not meet its slot.
template <class P>
using UnmetRequirement =
    typename std::conditional_t<policy_rules::Common::met<P>,
                                std::type_identity<typename SlotRequirements<typename P::slot>::template unmet<P>>,
                                std::type_identity<policy_rules::Common::unmet<P>>>::type;

}  // namespace detail

}  // namespace hone
