// SPDX-License-Identifier: Apache-2.0
/// Stochastic gradient descent.
#pragma once

#include <ATen/ops/_fused_sgd.h>

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <utility>

#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"
#include "hone/optim/rule.hpp"

namespace hone {

/// Stochastic gradient descent, optionally with momentum. The defaults are PyTorch's.
///
/// **Cost** one fused kernel a step; one tensor of the parameter's shape for each parameter if `momentum` is not 0.
/// **Errors** `std::invalid_argument` for an `lr`, `momentum` or `weight_decay` that is negative or not finite, a
/// `dampening` that is not finite, and `nesterov` without momentum or with dampening.
/// **Source** `at::_fused_sgd_`; the formula of `torch.optim.SGD`: `g += weight_decay p`,
/// `b = momentum b + (1 - dampening) g` (`b = g` at the first update), `p -= lr b` (Nesterov:
/// `p -= lr (g + momentum b)`).
/// **Example** `hone::Sgd{.lr = 0.1, .momentum = 0.9}`
struct Sgd {
  [[no_unique_address]] NamedSettings by_name = {};  ///< Not a setting.
  double lr = 1e-3;
  double momentum = 0.0;
  double dampening = 0.0;
  double weight_decay = 0.0;
  bool nesterov = false;
  bool maximize = false;  ///< Increases the loss instead.

  static constexpr std::array<std::string_view, 1> state_names{"momentum_buffer"};
  static constexpr bool counts_steps = false;

  [[nodiscard]] static constexpr auto fields() {
    return std::tuple{std::pair{"lr", &Sgd::lr},
                      std::pair{"momentum", &Sgd::momentum},
                      std::pair{"dampening", &Sgd::dampening},
                      std::pair{"weight_decay", &Sgd::weight_decay},
                      std::pair{"nesterov", &Sgd::nesterov},
                      std::pair{"maximize", &Sgd::maximize}};
  }

  [[nodiscard]] bool uses(std::size_t) const { return momentum != 0.0; }
  /// True with `dampening`, which the first update does not apply.
  [[nodiscard]] bool first_update_differs() const { return dampening != 0.0; }

  void check() const {
    detail::require_not_negative("Sgd", "lr", lr);
    detail::require_not_negative("Sgd", "momentum", momentum);
    detail::require_not_negative("Sgd", "weight_decay", weight_decay);
    if (!detail::is_finite(dampening)) {
      throw std::invalid_argument(format_message("Sgd: dampening is {}. Set it to a finite number.", {dampening}));
    }
    if (nesterov && momentum <= 0.0) {
      throw std::invalid_argument(
          "Sgd: nesterov is true and momentum is 0. Set momentum to a number greater than 0, or nesterov to false.");
    }
    if (nesterov && dampening != 0.0) {
      throw std::invalid_argument(format_message(
          "Sgd: nesterov is true and dampening is {}. Set dampening to 0, or nesterov to false.", {dampening}));
    }
  }

  void apply(const RuleLists<1>& lists, bool first, const StepScaling& scaling) const {
    apply(lists, first, scaling, lr);
  }
  /// As above, with the learning rate in a tensor on the parameters' device.
  template <class Lr>
  void apply(const RuleLists<1>& lists, bool first, const StepScaling& scaling, const Lr& rate) const {
    at::_fused_sgd_(lists.parameters, lists.gradients, lists.state[0], weight_decay, momentum, rate, dampening,
                    nesterov, maximize, first, scaling.grad_scale, scaling.found_inf);
  }
};

static_assert(OptimizerRule<Sgd>);

}  // namespace hone
