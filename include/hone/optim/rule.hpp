// SPDX-License-Identifier: Apache-2.0
/// The interface of an update rule: settings as plain data, and one call that updates a list of parameters.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/member_detection.hpp"

namespace hone {

/// The first member of hone's rules. It restricts their initialization to designated initializers: a value without a
/// name would initialize this member, which is a compile-time error.
struct NamedSettings {
  constexpr NamedSettings() = default;
  /// Rejects a value without a name at compile time.
  template <class Value>
  constexpr NamedSettings(Value) {  // NOLINT: implicit, to reject settings without names
    static_assert(
        sizeof(Value) == 0,
        "hone: the settings of an update rule are passed without names. Name them, as in hone::Adam{.lr = 1e-3}.");
  }
  friend constexpr bool operator==(const NamedSettings&, const NamedSettings&) = default;
};

/// Two optional scalars on the device, as a loss scaler stores them. A step divides gradients by `grad_scale`, and
/// changes nothing if `found_inf` is 1.
///
/// **Cost** none if absent. With `found_inf`, a parameter's first update waits for the device if the rule's
/// `first_update_differs`.
struct StepScaling {
  std::optional<at::Tensor> grad_scale;
  std::optional<at::Tensor> found_inf;
};

/// The tensors for one call of a rule. The lists are parallel; an unused list is empty.
template <std::size_t NumFields>
struct RuleLists {
  at::TensorList parameters;
  at::TensorList gradients;
  std::array<at::TensorList, NumFields> state;
  at::TensorList steps;  ///< A scalar tensor for each parameter: its number of updates.
};

namespace detail {
HONE_DEFINE_NAMES(fields);
}

/// A type that can update parameters: an aggregate whose members are its settings (among them `lr`), with
/// - `state_names`: the names of its state tensors for each parameter, each of the parameter's shape;
/// - `counts_steps`: whether it needs the number of updates of each parameter;
/// - `fields()`: a tuple of (name, member pointer), one for each setting;
/// - `uses(i)`: whether the current settings need `state_names[i]`;
/// - `check()`: throws `std::invalid_argument` for a setting out of range;
/// - `apply(lists, first, scaling)`: the update; `first` is true if these parameters have never been updated and their
///   state is zero.
template <class R>
concept OptimizerRule =
    std::is_aggregate_v<R> && std::copyable<R> &&
    requires(R& rule, const R& settings, const RuleLists<R::state_names.size()>& lists, const StepScaling& scaling) {
      { rule.lr } -> std::same_as<double&>;
      { R::counts_steps } -> std::convertible_to<bool>;
      { R::state_names[0] } -> std::convertible_to<std::string_view>;
      { settings.uses(std::size_t{}) } -> std::same_as<bool>;
      requires detail::names_fields<R>;  // not called: only checkpoints need it
      settings.check();
      settings.apply(lists, true, scaling);
    };

/// Optional: the learning rate can be a tensor without dimensions on the device, so that an update can be captured once
/// and replayed with other rates.
template <class R>
concept TakesLrTensor = OptimizerRule<R> && requires(const R& settings, const RuleLists<R::state_names.size()>& lists,
                                                     const StepScaling& scaling, const at::Tensor& lr) {
  settings.apply(lists, true, scaling, lr);
};

/// Returns whether the first update of a parameter differs from an update with zero state: the result of the rule's
/// `first_update_differs()`, or true for a rule without that function.
template <OptimizerRule R>
[[nodiscard]] bool first_update_differs(const R& settings) {
  if constexpr (requires { settings.first_update_differs(); }) {
    return settings.first_update_differs();
  } else {
    return true;
  }
}

namespace detail {

/// Throws `std::invalid_argument` unless `value` is finite and at least 0.
inline void require_not_negative(std::string_view rule, std::string_view field, double value) {
  if (is_finite(value) && value >= 0.0) return;
  throw std::invalid_argument(
      format_message("{}: {} is {}. Set it to a finite number, 0 or greater.", {rule, field, value}));
}

/// Throws `std::invalid_argument` unless `value` is in [0, 1).
inline void require_fraction(std::string_view rule, std::string_view field, double value) {
  if (is_finite(value) && value >= 0.0 && value < 1.0) return;
  throw std::invalid_argument(
      format_message("{}: {} is {}. Set it to at least 0 and less than 1.", {rule, field, value}));
}

}  // namespace detail

}  // namespace hone
