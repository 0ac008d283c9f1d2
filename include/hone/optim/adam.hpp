// SPDX-License-Identifier: Apache-2.0
/// Adam, and Adam with decoupled weight decay.
#pragma once

#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <utility>

#include "hone/optim/rule.hpp"

namespace hone {

namespace detail {

template <class Rule>
constexpr auto adam_fields() {
  return std::tuple{std::pair{"lr", &Rule::lr},
                    std::pair{"beta1", &Rule::beta1},
                    std::pair{"beta2", &Rule::beta2},
                    std::pair{"eps", &Rule::eps},
                    std::pair{"weight_decay", &Rule::weight_decay},
                    std::pair{"amsgrad", &Rule::amsgrad},
                    std::pair{"maximize", &Rule::maximize}};
}

template <class Rule>
void check_adam(std::string_view name, const Rule& rule) {
  require_not_negative(name, "lr", rule.lr);
  require_fraction(name, "beta1", rule.beta1);
  require_fraction(name, "beta2", rule.beta2);
  require_not_negative(name, "eps", rule.eps);
  require_not_negative(name, "weight_decay", rule.weight_decay);
}

inline constexpr std::array<std::string_view, 3> adam_state_names{"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};

}  // namespace detail

/// Adam: updates from exponential moving averages of the gradient and of its square. The weight decay, `weight_decay`
/// times the parameter, is added to the gradient. The defaults are PyTorch's.
///
/// **Cost** one fused kernel a step; two tensors of the parameter's shape for each parameter, three with `amsgrad`.
/// **Errors** `std::invalid_argument` for an `lr`, `eps` or `weight_decay` that is negative or not finite, or a beta
/// outside [0, 1).
/// **Source** `at::_fused_adam_`; D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", 2015; amsgrad: S.
/// Reddi et al., "On the Convergence of Adam and Beyond", 2018.
/// **Example** `hone::Adam{.lr = 3e-4}`
struct Adam {
  [[no_unique_address]] NamedSettings by_name = {};  ///< Not a setting.
  double lr = 1e-3;
  double beta1 = 0.9;    ///< The decay of the average of the gradient.
  double beta2 = 0.999;  ///< The decay of the average of its square.
  double eps = 1e-8;
  double weight_decay = 0.0;
  bool amsgrad = false;
  bool maximize = false;  ///< Increases the loss instead.

  static constexpr auto state_names = detail::adam_state_names;
  static constexpr bool counts_steps = true;
  [[nodiscard]] static constexpr auto fields() { return detail::adam_fields<Adam>(); }
  [[nodiscard]] bool uses(std::size_t field) const { return field < 2 || amsgrad; }
  [[nodiscard]] static bool first_update_differs() { return false; }  ///< False: the first update is as any other.
  void check() const { detail::check_adam("Adam", *this); }

  void apply(const RuleLists<3>& lists, bool first, const StepScaling& scaling) const {
    apply(lists, first, scaling, lr);
  }
  /// As above, with the learning rate in a tensor on the parameters' device.
  template <class Lr>
  void apply(const RuleLists<3>& lists, bool /*first*/, const StepScaling& scaling, const Lr& rate) const {
    at::_fused_adam_(lists.parameters, lists.gradients, lists.state[0], lists.state[1], lists.state[2], lists.steps,
                     rate, beta1, beta2, weight_decay, eps, amsgrad, maximize, scaling.grad_scale, scaling.found_inf);
  }
};

/// Adam with decoupled weight decay: the decay multiplies the parameters and does not enter the moving averages. The
/// defaults are PyTorch's.
///
/// **Cost** **Errors** as `Adam`.
/// **Source** `at::_fused_adamw_`; I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", 2019.
/// **Example** `hone::AdamW{.lr = 3e-4, .weight_decay = 0.1}`
struct AdamW {
  [[no_unique_address]] NamedSettings by_name = {};  ///< Not a setting.
  double lr = 1e-3;
  double beta1 = 0.9;    ///< The decay of the average of the gradient.
  double beta2 = 0.999;  ///< The decay of the average of its square.
  double eps = 1e-8;     ///< Added to the denominator.
  double weight_decay = 1e-2;
  bool amsgrad = false;   ///< Uses the maximum of the averages of the square so far.
  bool maximize = false;  ///< Increases the loss instead.

  static constexpr auto state_names = detail::adam_state_names;
  static constexpr bool counts_steps = true;
  [[nodiscard]] static constexpr auto fields() { return detail::adam_fields<AdamW>(); }
  [[nodiscard]] bool uses(std::size_t field) const { return field < 2 || amsgrad; }
  [[nodiscard]] static bool first_update_differs() { return false; }  ///< False: the first update is as any other.
  void check() const { detail::check_adam("AdamW", *this); }

  void apply(const RuleLists<3>& lists, bool first, const StepScaling& scaling) const {
    apply(lists, first, scaling, lr);
  }
  /// As above, with the learning rate in a tensor on the parameters' device.
  template <class Lr>
  void apply(const RuleLists<3>& lists, bool /*first*/, const StepScaling& scaling, const Lr& rate) const {
    at::_fused_adamw_(lists.parameters, lists.gradients, lists.state[0], lists.state[1], lists.state[2], lists.steps,
                      rate, beta1, beta2, weight_decay, eps, amsgrad, maximize, scaling.grad_scale, scaling.found_inf);
  }
};

static_assert(OptimizerRule<Adam> && OptimizerRule<AdamW>);

}  // namespace hone
