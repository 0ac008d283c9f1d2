// SPDX-License-Identifier: Apache-2.0
/// Several optimizers in one trainer, and the selection of parameters for each.
///
/// | written | parameters |
/// | --- | --- |
/// | `optimizer_for<"head">(AdamW{})` | parameters whose names start with `head.`, and a parameter called `head` |
/// | `optimizer_for<"head">(AdamW{}, model->last)` | the parameters of a module |
/// | `optimizer_for<"matrices">(Sgd{}, [](const auto& p) { return p.value.dim() == 2; })` | the selected parameters |
/// | `optimizer_for<"others">(AdamW{}, other_parameters)` | the parameters of no other optimizer |
/// | `optimizer_for<"head">(FusedOptimizer{...})`, or an optimizer of `torch::optim` | the optimizer's parameters |
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/fixed_string.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/policy.hpp"
#include "hone/optim/composite_optimizer.hpp"
#include "hone/optim/optimizer.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/optim/rule.hpp"

namespace hone {

/// The selector of the parameters that belong to no other optimizer.
struct OtherParameters {};
inline constexpr OtherParameters other_parameters{};  ///< The selector as an argument of `optimizer_for`.

namespace detail {

/// The selector of the parameters whose names have the optimizer's name as a prefix.
struct ByPrefix {};

template <class S>
concept SelectsParameters = requires(const S& select, const NamedParameter& parameter) {
  { select(parameter) } -> std::convertible_to<bool>;
};

/// The selector of the parameters of a module.
class InModule {
 public:
  template <class Module>
  explicit InModule(const Module& module) {
    for (auto& parameter : named_parameters(module)) parameters_.push_back(std::move(parameter.value));
  }
  bool operator()(const NamedParameter& parameter) const {
    return std::any_of(parameters_.begin(), parameters_.end(),
                       [&](const at::Tensor& own) { return own.is_same(parameter.value); });
  }

 private:
  std::vector<at::Tensor> parameters_;
};

template <class S>
auto selector(S&& select) {
  if constexpr (SelectsParameters<std::remove_cvref_t<S>> || std::is_same_v<std::remove_cvref_t<S>, OtherParameters>) {
    return std::remove_cvref_t<S>(std::forward<S>(select));
  } else {
    static_assert(
        requires { select.named_parameters(); } || requires { select->named_parameters(); },
        "hone: the second argument of `optimizer_for` selects parameters. Pass a module, a function `bool(const "
        "hone::NamedParameter&)`, or hone::other_parameters.");
    return InModule(select);
  }
}

}  // namespace detail

/// An optimizer of `Optimizers`; see `optimizer_for`.
template <FixedString optimizer_name, class O, class S>
struct OptimizerFor {
  using optimizer_type = O;
  using selector_type = S;
  static constexpr FixedString letters = optimizer_name;           ///< The name as a template argument.
  static constexpr std::string_view name = optimizer_name.view();  ///< The name of the optimizer.
  O optimizer;
  S select;  ///< A module or a predicate that selects the parameters.
};

/// Returns a named optimizer: a rule such as `AdamW{}` for the parameters whose names have the prefix `name`, or an
/// existing optimizer with its own parameters.
///
/// **Example** `optimizer_for<"backbone">(hone::Sgd{.lr = 1e-3})`
template <FixedString name, class O>
[[nodiscard]] auto optimizer_for(O optimizer) {
  return OptimizerFor<name, O, detail::ByPrefix>{std::move(optimizer), {}};
}
/// Returns a named rule for the parameters that `select` selects. `select` is a module, a function
/// `bool(const NamedParameter&)`, or `other_parameters`.
template <FixedString name, class O, class S>
[[nodiscard]] auto optimizer_for(O optimizer, S&& select) {
  static_assert(OptimizerRule<O>,
                "hone: this optimizer already has parameters, so `optimizer_for` cannot select them. Remove the second "
                "argument, or pass a rule such as hone::AdamW.");
  auto selector = detail::selector(std::forward<S>(select));
  return OptimizerFor<name, O, decltype(selector)>{std::move(optimizer), std::move(selector)};
}

/// Optimizers for one trainer. Every parameter that requires a gradient belongs to exactly one of them.
///
/// With one loss, all optimizers make one update together: one backward pass, and clipping, loss scaling and gradient
/// accumulation over all gradients. With `Losses` of the same names, each optimizer has a separate loss and update.
///
/// **Errors** `std::invalid_argument` at the construction of the trainer if a parameter belongs to no optimizer or to
/// two, or if an optimizer has no parameters; one `static_assert` message for two optimizers with the same name.
/// **Example**
/// ```
/// hone::Trainer{model, loss, hone::Optimizers{hone::optimizer_for<"backbone">(hone::Sgd{.lr = 1e-3}),
///                                             hone::optimizer_for<"head">(hone::AdamW{.lr = 1e-2})}};
/// ```
template <class... For>
struct Optimizers {
  static_assert(sizeof...(For) >= 1, "hone: hone::Optimizers needs at least one hone::optimizer_for<\"name\">(...).");
  static_assert(all_differ({For::name...}),
                "hone: two optimizers have the same name. Give each optimizer a unique name.");
  static_assert((0 + ... + int{std::is_same_v<typename For::selector_type, OtherParameters>}) <= 1,
                "hone: hone::other_parameters is passed twice. Pass it to one optimizer only.");

  static constexpr std::size_t num_optimizers = sizeof...(For);

  std::tuple<For...> optimizers;

  explicit Optimizers(For... given) : optimizers(std::move(given)...) {}

  /// True if each optimizer meets the requirements of policy `P`.
  template <class P>
  static constexpr bool each_is_compatible = (is_compatible_with_optimizer<P, typename For::optimizer_type> && ...);
  template <class P>
  using misfit_of = typename detail::MisfitOfFirst<P, typename For::optimizer_type...>::type;

  template <FixedString name>
  static constexpr bool has = (false || ... || (For::name == name.view()));
};

namespace detail {

/// Assigns a model's trainable parameters to optimizers.
class Dealer {
 public:
  explicit Dealer(NamedParameters model) : parameters_(trainable(std::move(model))), owners_(parameters_.size()) {}

  template <FixedString name, class O, class S>
  void claim(const OptimizerFor<name, O, S>& given) {
    if constexpr (!OptimizerRule<O>) {
      return;  // `hold` claims its parameters once it is bound
    } else if constexpr (SelectsParameters<S>) {
      claim(name.view(), given.select);
    } else if constexpr (std::is_same_v<S, ByPrefix>) {
      claim(name.view(), [&](const NamedParameter& parameter) {
        const std::string_view own = name.view(), of = parameter.name;
        return of.starts_with(own) && (of.size() == own.size() || of[own.size()] == '.');
      });
    }
  }
  /// Claims the parameters of an existing optimizer.
  void hold(std::string_view name, at::TensorList held) {
    claim(name, [&](const NamedParameter& parameter) {
      return std::any_of(held.begin(), held.end(), [&](const at::Tensor& own) { return own.is_same(parameter.value); });
    });
  }
  /// Assigns all remaining parameters to `name`.
  void claim_others(std::string_view name) {
    for (auto& owner : owners_) {
      if (owner.empty()) owner = name;
    }
  }
  /// **Errors** `std::invalid_argument` for a parameter that belongs to two optimizers, and for parameters without one.
  void check() const {
    std::vector<std::string> unowned;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (owners_[i].empty()) unowned.push_back(parameters_[i].name);
    }
    if (!conflict_.empty()) throw std::invalid_argument(conflict_);
    if (unowned.empty()) return;
    throw std::invalid_argument(
        format_message("No optimizer has {}. Add one, as in optimizer_for<\"others\">(hone::AdamW{}, "
                       "hone::other_parameters), or freeze them with set_requires_grad(false).",
                       {parameter_names(unowned), "{}"}));
  }
  [[nodiscard]] NamedParameters of(std::string_view name) const {
    NamedParameters own;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (owners_[i] == name) own.push_back(parameters_[i]);
    }
    if (!own.empty() || parameters_.empty()) return own;  // without trainable parameters: evaluation only
    std::vector<std::string> names;
    for (const auto& parameter : parameters_) names.push_back(parameter.name);
    throw std::invalid_argument(format_message(
        "The optimizer '{}' has no parameters: it selects none of the parameters that require a gradient ({}). Name it "
        "after a submodule of the model, or select parameters in the second argument of optimizer_for.",
        {name, parameter_names(names)}));
  }

 private:
  template <class Select>
  void claim(std::string_view name, const Select& select) {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (!select(parameters_[i])) continue;
      if (!owners_[i].empty() && conflict_.empty()) {
        conflict_ = format_message(
            "The parameter '{}' belongs to two optimizers, '{}' and '{}'. Select it for one of them only.",
            {parameters_[i].name, owners_[i], name});
      }
      owners_[i] = name;
    }
  }

  NamedParameters parameters_;
  std::vector<std::string_view> owners_;
  std::string conflict_;
};

template <class... For>
struct Binding<Optimizers<For...>> {
  using type =
      CompositeOptimizer<NamedOptimizer<For::letters, typename Binding<typename For::optimizer_type>::type>...>;

  static type make(Optimizers<For...>&& given, const NamedParameters& model) {
    Dealer dealer(model);
    return std::apply(
        [&](auto&... each) {
          (dealer.claim(each), ...);
          std::tuple finished{bound_if_finished(each, model, dealer)...};
          (claim_others(each, dealer), ...);
          if (!model.empty()) dealer.check();
          return make(finished, dealer, std::index_sequence_for<For...>{}, each...);
        },
        given.optimizers);
  }

 private:
  struct Later {};

  template <FixedString name, class O, class S>
  static auto bound_if_finished(OptimizerFor<name, O, S>& each, const NamedParameters& model, Dealer& dealer) {
    if constexpr (OptimizerRule<O>) {
      return Later{};
    } else {
      auto result = Binding<O>::make(std::move(each.optimizer), model);
      dealer.hold(name.view(), result.parameters());
      return result;
    }
  }
  template <FixedString name, class O, class S>
  static void claim_others(const OptimizerFor<name, O, S>&, Dealer& dealer) {
    if constexpr (std::is_same_v<S, OtherParameters>) dealer.claim_others(name.view());
  }
  template <FixedString name, class O, class S>
  static auto bound(OptimizerFor<name, O, S>& each, auto& finished, const Dealer& dealer) {
    using Bound = typename Binding<O>::type;
    if constexpr (OptimizerRule<O>) {
      return NamedOptimizer<name, Bound>{Binding<O>::make(each.optimizer, dealer.of(name.view()))};
    } else {
      return NamedOptimizer<name, Bound>{std::move(finished)};
    }
  }
  template <std::size_t... i>
  static type make(auto& finished, const Dealer& dealer, std::index_sequence<i...>, auto&... each) {
    return type(bound(each, std::get<i>(finished), dealer)...);
  }
};

}  // namespace detail

}  // namespace hone
