// SPDX-License-Identifier: Apache-2.0
/// The state of a `CompositeOptimizer`: a dictionary with the state of each optimizer under its name.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "hone/checkpoint/archive.hpp"
#include "hone/checkpoint/optimizer_state_dict.hpp"
#include "hone/checkpoint/torch_optimizer_state.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/optim/composite_optimizer.hpp"

namespace hone {

namespace detail {

template <class O>
concept HasStateDict = requires(O& optimizer, const Value& state) {
  { optimizer_state_dict(optimizer) } -> std::same_as<Dict>;
  load_optimizer_state_dict(optimizer, state);
};

template <class O>
[[nodiscard]] Dict state_of_optimizer(O& optimizer) {
  if constexpr (HasStateDict<O>) {
    return optimizer_state_dict(optimizer);
  } else {
    return state_of(optimizer);
  }
}
template <class O>
void load_state_of_optimizer(O& optimizer, const Value& state) {
  if constexpr (HasStateDict<O>) {
    load_optimizer_state_dict(optimizer, state);
  } else {
    load_state_of(optimizer, state);
  }
}

}  // namespace detail

/// Returns the state of each optimizer under its name, as `{name: optimizer.state_dict()}` in Python. Tensors share
/// memory with the optimizers, except `step`: clone them to keep their values.
template <class... Named>
  requires((detail::HasStateDict<typename Named::optimizer_type> || Serializable<typename Named::optimizer_type>) &&
           ...)
[[nodiscard]] Dict optimizer_state_dict(CompositeOptimizer<Named...>& optimizers) {
  Dict result;
  optimizers.for_each(
      [&](std::string_view name, auto& optimizer) { result.set(name, detail::state_of_optimizer(optimizer)); });
  return result;
}

/// Loads a state returned by `optimizer_state_dict`.
///
/// **Errors** `DataError` that names the optimizer whose state is missing or does not fit, or a state without an
/// optimizer of its name. The optimizers are unchanged then.
template <class... Named>
  requires((detail::HasStateDict<typename Named::optimizer_type> || Serializable<typename Named::optimizer_type>) &&
           ...)
void load_optimizer_state_dict(CompositeOptimizer<Named...>& optimizers, const Value& value) {
  const auto& states = value.get<Dict>();
  std::vector<std::string> saved;
  for (const auto& [key, state] : states) saved.push_back(key.template get<std::string>());
  const auto refuse = [&](const char* pattern_end, std::string_view name) {
    throw DataError(format_message(
        "The optimizer state {} '{}'; its entries are '{}'. Pass the trainer the same optimizers, under the "
        "same names.",
        {pattern_end, name, joined(saved, "', '")}));
  };
  optimizers.for_each([&](std::string_view name, auto&) {
    if (!states.contains(name)) refuse("has no entry for the optimizer", name);
  });
  if (saved.size() != sizeof...(Named)) {
    for (const auto& name : saved) {
      if (!(false || ... || (Named::name == name))) refuse("has entries for other optimizers, such as", name);
    }
  }

  std::vector<std::function<void()>> undo;
  optimizers.for_each([&](std::string_view name, auto& optimizer) {
    // Loading a state dict replaces these tensors, so no copy is needed; a custom `serialize` may write into them.
    Value before = detail::state_of_optimizer(optimizer);
    if constexpr (!detail::HasStateDict<std::remove_reference_t<decltype(optimizer)>>) before = cloned(before);
    undo.emplace_back([&optimizer, before] { detail::load_state_of_optimizer(optimizer, before); });
    try {
      detail::load_state_of_optimizer(optimizer, states.at(name));
    } catch (const DataError& error) {
      undo.pop_back();
      for (const auto& bring_back : undo) bring_back();
      throw DataError(format_message("The optimizer '{}': {}", {name, error.what()}));
    }
  });
}

}  // namespace hone
