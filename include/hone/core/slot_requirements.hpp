// SPDX-License-Identifier: Apache-2.0
/// The requirements of a slot on its policies, and the compile-time error for a policy that does not meet them.
///
/// The file that defines the interface of a slot specializes `SlotRequirements` with every function that the trainer
/// calls and, for each optional ability, with all of its functions. A misspelled function, a wrong signature or an
/// incomplete ability is therefore an error instead of a function that is never called. A member function of a class
/// template whose `requires` clause is not satisfied counts as a wrong signature. To provide it for some template
/// arguments only, inherit it from a base class that depends on them.
#pragma once

#include <type_traits>

#include "hone/core/member_detection.hpp"

/// Defines the requirement `rule`: `owner` needs the member `signature`. The last argument is the condition on a policy
/// `P`.
#define HONE_POLICY_NEEDS(rule, owner, signature, ...)                                                    \
  struct rule {                                                                                           \
    template <class P>                                                                                    \
    static constexpr bool met = __VA_ARGS__;                                                              \
    template <class P>                                                                                    \
    struct incompatible_with {                                                                            \
      static_assert(sizeof(P) == 0, "hone: " owner " needs `" signature                                   \
                                    "` as a public member. Check its name, parameters and return type."); \
    };                                                                                                    \
  }

namespace hone {

namespace detail {

struct requirements_met {};

template <class P, class... Rules>
struct FirstUnmet {
  using type = requirements_met;
};
template <class P, class First, class... Rest>
struct FirstUnmet<P, First, Rest...>
    : std::conditional_t<First::template met<P>, FirstUnmet<P, Rest...>,
                         std::type_identity<typename First::template incompatible_with<P>>> {};

/// A list of requirements, checked in order.
template <class... Rules>
struct Requirements {
  template <class P>
  static constexpr bool met = (Rules::template met<P> && ...);
  /// The error type of the first requirement that `P` does not meet; not instantiated.
  template <class P>
  using unmet = typename FirstUnmet<P, Rules...>::type;
};

}  // namespace detail

/// The requirements on the policies of `Slot`. Specialized in the file of the slot's interface.
template <class Slot>
struct SlotRequirements : detail::Requirements<> {};

namespace detail::policy_rules {

HONE_DEFINE_NAMES(compatible_with);
HONE_DEFINE_NAMES(incompatible_with);
HONE_DEFINE_NAMES(compatible_with_optimizer);
HONE_DEFINE_NAMES(incompatible_with_optimizer);

struct slot_is_known {
  template <class P>
  static constexpr bool met = requires { typename P::slot::template at_most_one<>; };
  template <class P>
  struct incompatible_with {
    static_assert(sizeof(P) == 0,
                  "hone: the member `slot` of this policy is not a slot of the trainer. Write `using slot = "
                  "hone::slots::Device;`, or use another slot of hone/core/slots.hpp.");
  };
};
HONE_POLICY_NEEDS(
    has_compatible_with, "a policy with `incompatible_with`", "template <class... Policies> struct compatible_with",
    !(names_compatible_with<P> || names_incompatible_with<P>) || requires { typename P::template compatible_with<P>; });
HONE_POLICY_NEEDS(has_incompatible_with, "a policy with `compatible_with`",
                  "template <class... Policies> struct incompatible_with",
                  !names_compatible_with<P> || names_incompatible_with<P>);
HONE_POLICY_NEEDS(has_fits_optimizer, "a policy with `incompatible_with_optimizer`",
                  "template <class Optimizer> struct compatible_with_optimizer",
                  !names_incompatible_with_optimizer<P> || names_compatible_with_optimizer<P>);
HONE_POLICY_NEEDS(has_misfit_optimizer, "a policy with `compatible_with_optimizer`",
                  "template <class Optimizer> struct incompatible_with_optimizer",
                  !names_compatible_with_optimizer<P> || names_incompatible_with_optimizer<P>);

/// The requirements on every policy.
using Common =
    Requirements<slot_is_known, has_compatible_with, has_incompatible_with, has_fits_optimizer, has_misfit_optimizer>;

}  // namespace detail::policy_rules

/// True if the policy `P` meets all requirements: the common ones and the ones of its slot.
template <class P>
inline constexpr bool meets_slot =
    detail::policy_rules::Common::met<P> && SlotRequirements<typename P::slot>::template met<P>;

namespace detail {

/// The error type for a policy that does not meet its requirements; not instantiated.
template <class P>
using UnmetRequirement =
    typename std::conditional_t<policy_rules::Common::met<P>,
                                std::type_identity<typename SlotRequirements<typename P::slot>::template unmet<P>>,
                                std::type_identity<policy_rules::Common::unmet<P>>>::type;

}  // namespace detail

}  // namespace hone
