// SPDX-License-Identifier: Apache-2.0
/// What an update rule is: settings as plain data, and one call that moves a list of parameters.
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
#include "hone/core/names.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

/// The first member of hone's rules: lets settings be given by name only. Of a list without names, its first value
/// would be taken for `lr`, and a value in another place for something else.
struct NamedSettings {
  constexpr NamedSettings() = default;
  template <class Value>
  constexpr NamedSettings(Value) {  // NOLINT: implicit, to refuse what stands in its place
    static_assert(sizeof(Value) == 0,
                  "hone: the settings of an update rule are given by name, as in hone::Adam{.lr = 1e-3}.");
  }
  friend constexpr bool operator==(const NamedSettings&, const NamedSettings&) = default;
};

/// Two optional numbers on the device, as a loss scaler keeps them: gradients are divided by `grad_scale`, and nothing
/// moves where `found_inf` is 1.
///
/// **Cost** none where absent. With `found_inf`, a parameter's first update waits for the device where the rule's first
/// update is another one than the later ones.
struct StepScaling {
  std::optional<at::Tensor> grad_scale;
  std::optional<at::Tensor> found_inf;
};

/// What one call of a rule works on. The lists are parallel; a list that is not in use is empty.
template <std::size_t NumFields>
struct RuleLists {
  at::TensorList parameters;
  at::TensorList gradients;
  std::array<at::TensorList, NumFields> state;
  at::TensorList steps;
};

namespace detail {
HONE_DEFINE_NAMES(fields);
}

/// An update rule: an aggregate whose members are its settings (among them `lr`), and
/// - `state_names`: the tensors that it keeps for each parameter, each of the parameter's shape;
/// - `counts_steps`: whether it needs to know how often each parameter was updated;
/// - `fields()`: a tuple of (name, member pointer), one for each setting;
/// - `uses(i)`: whether the present settings need `state_names[i]`;
/// - `check()`: throws `std::invalid_argument` for a setting out of range;
/// - `apply(lists, first, scaling)`: the update; `first` says that these parameters have never been updated and that
///   their state is zero.
template <class R>
concept OptimizerRule =
    std::is_aggregate_v<R> && std::copyable<R> &&
    requires(R& rule, const R& settings, const RuleLists<R::state_names.size()>& lists, const StepScaling& scaling) {
      { rule.lr } -> std::same_as<double&>;
      { R::counts_steps } -> std::convertible_to<bool>;
      { R::state_names[0] } -> std::convertible_to<std::string_view>;
      { settings.uses(std::size_t{}) } -> std::same_as<bool>;
      requires detail::names_fields<R>;  // not called: only what saves and loads needs them
      settings.check();
      settings.apply(lists, true, scaling);
    };

/// Optional ability: the learning rate may be a tensor without dimensions on the device, so that an update can be
/// recorded once and replayed with other rates.
template <class R>
concept TakesLrTensor = OptimizerRule<R> && requires(const R& settings, const RuleLists<R::state_names.size()>& lists,
                                                     const StepScaling& scaling, const at::Tensor& lr) {
  settings.apply(lists, true, scaling, lr);
};

/// Whether the first update of a parameter is another one than those from state that is zero. A rule that knows says so
/// with `first_update_differs()`.
template <OptimizerRule R>
[[nodiscard]] bool first_update_differs(const R& settings) {
  if constexpr (requires { settings.first_update_differs(); }) {
    return settings.first_update_differs();
  } else {
    return true;
  }
}

namespace detail {

/// Throws unless `value` is a finite number of at least 0.
inline void require_not_negative(std::string_view rule, std::string_view field, double value) {
  if (is_finite(value) && value >= 0.0) return;
  throw std::invalid_argument(sentence("{}: {} is {}. Give a finite {} of 0 or more.", {rule, field, value, field}));
}

/// Throws unless `value` lies in [0, 1).
inline void require_fraction(std::string_view rule, std::string_view field, double value) {
  if (is_finite(value) && value >= 0.0 && value < 1.0) return;
  throw std::invalid_argument(
      sentence("{}: {} is {}. Give a {} of at least 0 and below 1.", {rule, field, value, field}));
}

}  // namespace detail

}  // namespace hone
