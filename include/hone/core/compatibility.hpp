// SPDX-License-Identifier: Apache-2.0
/// Compile-time check that types can be composed into a trainer, with one error message if they cannot.
///
/// `Composable` instantiates no `static_assert`. If it is false, the message of the first fault is instantiated, and no
/// other, because later faults often follow from the first.
#pragma once

#include <concepts>
#include <type_traits>

#include "hone/core/fault.hpp"
#include "hone/core/hana.hpp"
#include "hone/core/member_detection.hpp"
#include "hone/core/override_check.hpp"
#include "hone/core/overrides.hpp"
#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"
#include "hone/core/unwrap.hpp"
#include "hone/fwd.hpp"

namespace hone {

namespace detail {

template <class T>
inline constexpr bool is_callback_list = false;
template <class... Cs>
inline constexpr bool is_callback_list<Callbacks<Cs...>> = true;
template <class... Cs>
inline constexpr bool is_callback_list<ReplaceableCallbacks<Cs...>> = true;

}  // namespace detail

/// A type that has a member named `forward`, in any form, or a handle to such a type.
template <class M>
concept NamesForward = detail::names_forward<UnwrapRef<M>>;

/// A list of losses, each with its own update (`Losses`).
template <class L>
concept SeveralLosses = requires { L::num_losses; };

/// A list of optimizers that acts as one optimizer (`Optimizers`).
template <class O>
concept SeveralOptimizers = requires { O::num_optimizers; };

/// A type that has members named `step` and `zero_grad`, in any form, or a handle to such a type; the settings of an
/// update rule; or a list of optimizers.
template <class O>
concept NamesOptimizer = (detail::names_step<UnwrapRef<O>> && detail::names_zero_grad<UnwrapRef<O>>) ||
                         requires { O::state_names, O::counts_steps; } || SeveralOptimizers<O>;

/// A type that may follow the optimizer among a trainer's template arguments.
template <class P>
concept TrainerArgument = Policy<P> || detail::is_callback_list<P> || Overriding<P>;

/// A type with overrides that is neither a policy nor a list of callbacks.
template <class P>
concept OverridesArgument = !Policy<P> && !detail::is_callback_list<P> && Overriding<P>;

namespace detail {

template <class... Policies>
inline constexpr int num_overriding = (0 + ... + int{OverridesArgument<Policies>});

/// True unless `Loss` is a list of losses that cannot be combined with `Others`: `compatible_with_trainer<...>` is the test,
/// `incompatible_with_trainer<...>` the failing `static_assert`.
template <class Loss, class... Others>
inline constexpr bool losses_fit = [] {
  if constexpr (SeveralLosses<Loss>) {
    return Loss::template compatible_with_trainer<Others...>::value;
  } else {
    return true;
  }
}();

/// Returns whether `P` is a policy that meets the requirements of its slot, or is not a policy.
template <class P>
consteval bool meets_its_slot() {
  if constexpr (Policy<P>) {
    return meets_slot<P>;
  } else {
    return true;
  }
}

/// Returns whether `P` is a policy, a list of callbacks, or a type without misspelled or misplaced members
/// (`has_right_names`).
template <class P>
consteval bool is_well_named() {
  if constexpr (Policy<P> || is_callback_list<P>) {
    return true;
  } else {
    return has_right_names<P>;
  }
}

template <class P, class... Policies>
constexpr bool is_only_answer() {
  if constexpr (Policy<P>) {
    return num_policies_for<typename P::slot, Policies...> == 1;
  } else {
    return true;
  }
}

}  // namespace detail

/// Requires types that can be composed into a trainer.
template <class Model, class Loss, class Optimizer, class... Policies>
concept Composable =
    !NamesOptimizer<Loss> && (NamesForward<Model> || SeveralLosses<Loss>) && !is_handle_to_const<Model> &&
    NamesOptimizer<Optimizer> && detail::losses_fit<Loss, Model, Optimizer, Policies...> &&
    (detail::is_well_named<Policies>() && ...) && (TrainerArgument<Policies> && ...) &&
    (detail::meets_its_slot<Policies>() && ...) && (detail::is_only_answer<Policies, Policies...>() && ...) &&
    (detail::num_overriding<Policies...> <= 1) && (is_compatible<Policies, Policies...> && ...) &&
    (is_compatible_with_optimizer<Policies, Optimizer> && ...) && is_compatible<UnwrapRef<Model>, Loss, Policies...> &&
    is_compatible<Loss, Model>;

namespace detail {

template <class... Ts>
struct Types {};

template <class Loss>
struct loss_is_optimizer {
  static_assert(sizeof(Loss) == 0,
                "hone: the second argument is an optimizer: it has `step` and `zero_grad`. Pass the arguments in the "
                "order Model, Loss, Optimizer.");
};
template <class Model>
struct model_without_forward {
  static_assert(sizeof(Model) == 0,
                "hone: the model has no member `forward`. Write `torch::Tensor forward(torch::Tensor inputs)`.");
};
template <class Model>
struct model_is_const {
  static_assert(
      sizeof(Model) == 0,
      "hone: this handle refers to a const model, which cannot be moved to a device, switched between training "
      "and evaluation, or trained. Pass a handle to a non-const model.");
};
template <class Optimizer>
struct not_an_optimizer {
  static_assert(sizeof(Optimizer) == 0,
                "hone: the third argument is not an optimizer: it has no members `step` and `zero_grad`. Pass "
                "hone::Sgd, hone::AdamW or an optimizer of torch::optim, in the order Model, Loss, Optimizer.");
};
template <class Argument>
struct not_a_policy {
  static_assert(
      sizeof(Argument) == 0,
      "hone: this argument is not a policy: it has no member `slot`. In a schedule, for example, write `using slot = "
      "hone::slots::Schedule`. Pass callbacks to the constructor, or list their types in hone::Callbacks<...>.");
};
template <class... Overrides>
struct several_overrides {
  static_assert(sizeof...(Overrides) <= 1,
                "hone: the trainer has more than one type with overrides. Keep one of them.");
};

/// Returns the error type of the first fault among `Policies`, as a `boost::hana::type`, which does not instantiate it.
template <class Optimizer, class... Policies>
consteval auto fault_of_policies() {
  constexpr auto first = [](auto faulty) {
    return boost::hana::front(boost::hana::filter(boost::hana::tuple_t<Policies...>, faulty));
  };
  if constexpr (!(is_well_named<Policies>() && ...)) {
    constexpr auto faulty = [](auto t) { return boost::hana::bool_c<!is_well_named<typename decltype(t)::type>()>; };
    using Faulty = typename decltype(first(faulty))::type;
    return boost::hana::type_c<typename decltype(fault_of_names<Faulty>())::type>;
  } else if constexpr (!(TrainerArgument<Policies> && ...)) {
    constexpr auto faulty = [](auto t) { return boost::hana::bool_c<!TrainerArgument<typename decltype(t)::type>>; };
    return boost::hana::type_c<not_a_policy<typename decltype(first(faulty))::type>>;
  } else if constexpr (!(meets_its_slot<Policies>() && ...)) {
    constexpr auto faulty = [](auto t) { return boost::hana::bool_c<!meets_its_slot<typename decltype(t)::type>()>; };
    return boost::hana::type_c<UnmetRequirement<typename decltype(first(faulty))::type>>;
  } else if constexpr (!(is_only_answer<Policies, Policies...>() && ...)) {
    constexpr auto faulty = [](auto t) {
      return boost::hana::bool_c<!is_only_answer<typename decltype(t)::type, Policies...>()>;
    };
    using Slot = typename decltype(first(faulty))::type::slot;
    return boost::hana::unpack(PoliciesForSlot<Slot, Policies...>{}, [](auto... t) {
      return boost::hana::type_c<typename Slot::template at_most_one<typename decltype(t)::type...>>;
    });
  } else if constexpr (num_overriding<Policies...> > 1) {
    return boost::hana::type_c<several_overrides<Policies...>>;
  } else if constexpr ((is_compatible<Policies, Policies...> && ...)) {
    constexpr auto faulty = [](auto t) {
      return boost::hana::bool_c<!is_compatible_with_optimizer<typename decltype(t)::type, Optimizer>>;
    };
    return boost::hana::type_c<typename MisfitOptimizer<typename decltype(first(faulty))::type, Optimizer>::type>;
  } else {
    constexpr auto faulty = [](auto t) {
      return boost::hana::bool_c<!is_compatible<typename decltype(t)::type, Policies...>>;
    };
    return boost::hana::type_c<typename decltype(first(faulty))::type::template incompatible_with<Policies...>>;
  }
}

/// Returns the error type of the first fault among all types of a trainer, `NoFault` if they can be composed.
template <class Model, class Loss, class Optimizer, class... Policies>
consteval auto fault_of() {
  if constexpr (Composable<Model, Loss, Optimizer, Policies...>) {
    return boost::hana::type_c<NoFault>;
  } else if constexpr (NamesOptimizer<Loss>) {
    return boost::hana::type_c<loss_is_optimizer<Loss>>;
  } else if constexpr (!NamesForward<Model> && !SeveralLosses<Loss>) {
    return boost::hana::type_c<model_without_forward<Model>>;
  } else if constexpr (is_handle_to_const<Model>) {
    return boost::hana::type_c<model_is_const<Model>>;
  } else if constexpr (!NamesOptimizer<Optimizer>) {
    return boost::hana::type_c<not_an_optimizer<Optimizer>>;
  } else if constexpr (!losses_fit<Loss, Model, Optimizer, Policies...>) {
    return boost::hana::type_c<typename Loss::template incompatible_with_trainer<Model, Optimizer, Policies...>>;
  } else if constexpr (!is_compatible<UnwrapRef<Model>, Loss, Policies...>) {
    return boost::hana::type_c<typename UnwrapRef<Model>::template incompatible_with<Loss, Policies...>>;
  } else if constexpr (!is_compatible<Loss, Model>) {
    return boost::hana::type_c<typename Loss::template incompatible_with<Model>>;
  } else {
    return fault_of_policies<Optimizer, Policies...>();
  }
}

}  // namespace detail

/// True if the types can be composed into a trainer; otherwise a compile-time error with one message.
template <class Model, class Loss, class Optimizer, class... Policies>
inline constexpr bool checked_compatibility =
    detail::without_fault<decltype(detail::fault_of<Model, Loss, Optimizer, Policies...>())>;

}  // namespace hone
