// SPDX-License-Identifier: Apache-2.0
/// The accumulation window in a training state: its number of batches, their weight, and the accumulated gradients.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "hone/checkpoint/archive.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/step_state.hpp"
#include "hone/step/update.hpp"

namespace hone::detail {

/// Saves whether the window's gradients are averaged over the ranks already, which depends on the distribution policy.
///
/// **Errors** `DataError` when loading, if this trainer's distribution policy differs in that.
template <class Trainer>
void serialize_averaging(Trainer& trainer, auto& archive, bool is_empty) {
  const auto& processes = internals(trainer).parts.processes;
  bool here = false;
  if constexpr (requires { processes.averages_each_batch(); }) here = processes.averages_each_batch();
  constexpr const char* name = "window_is_averaged";
  if constexpr (std::remove_reference_t<decltype(archive)>::is_loading) {
    if (is_empty || archive.contains(name) == here) return;
    throw DataError(
        "It was saved in the middle of an accumulation window, with a distribution policy that averages gradients at "
        "another time.");
  } else if (here) {
    archive(name, here);
  }
}

/// Restores the accumulation window, with copies of its gradients in the trainer's parameters.
///
/// **Errors** `DataError` for a gradient that fits no parameter, and for a window that is too long for this trainer.
/// The function changes nothing then.
template <class Trainer>
void restore_window(Trainer& trainer, const Window& window, const NamedParameters& gradients) {
  auto& self = internals(trainer);
  if (!window.empty() && window.size() >= self.parts.accumulation.num_batches_per_update()) {
    throw DataError(format_message(
        "It was saved after batch {} of an accumulation window, but a window of this trainer has {} batches.",
        {window.size(), self.parts.accumulation.num_batches_per_update()}));
  }
  const auto parameters = self.parts.trained_modules().named_parameters();
  std::vector<at::Tensor> owners;
  for (const auto& [name, gradient] : gradients) {
    const auto owner = std::ranges::find(parameters, name, &NamedParameter::name);
    if (owner == parameters.end() || !gradient.defined() || owner->value.sizes() != gradient.sizes() ||
        owner->value.scalar_type() != gradient.scalar_type()) {
      throw DataError(format_message(
          "The gradient of '{}' in an accumulation window is {} of {}, which does not match any parameter.",
          {name, Value(gradient).description(), gradient.dtype().name()}));
    }
    owners.push_back(owner->value);
  }
  const auto objectives = self.step.objectives;
  drop_window(trainer);
  self.step.window = window;
  self.step.objectives = objectives;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    owners[i].mutable_grad() = gradients[i].value.to(owners[i].device(), false, true);
  }
}

/// Saves the number of batches of an open window, which a later change of the accumulation policy does not affect.
///
/// **Errors** `DataError` when loading, if the window has that many batches already.
template <class Trainer>
void serialize_window_batches([[maybe_unused]] Trainer& trainer, [[maybe_unused]] auto& archive,
                              [[maybe_unused]] const Window& window) {
  auto& self = internals(trainer);
  const auto& accumulation = self.parts.accumulation;
  if constexpr (!requires { accumulation.static_batches_per_update; }) {
    if (window.empty()) return;
    std::int64_t batches = self.step.window_batches;
    if (archive.is_loading) batches = accumulation.num_batches_per_update();
    constexpr const char* name = "window_batches";
    if constexpr (requires { archive.contains(name); }) {
      if (archive.contains(name)) serialize_count(archive, name, batches, window.size() + 1);
      self.step.window_batches = batches;
    } else {
      archive(name, batches);
    }
  }
}

template <class Trainer>
void serialize_window(Trainer& trainer, auto& archive) {
  using T = TraitsOf<Trainer>;
  auto& self = internals(trainer);
  auto window = self.step.window;
  NamedParameters gradients;
  if (!archive.is_loading && !window.empty()) {
    for (const auto& [name, parameter] : self.parts.trained_modules().named_parameters()) {
      if (parameter.grad().defined()) gradients.push_back({name, parameter.grad()});
    }
  }
  archive("window", window);
  serialize_window_batches(trainer, archive, window);
  if constexpr (T::has_objectives) archive("objectives", self.step.objectives);
  archive("window_gradients", gradients);
  if constexpr (T::reduces) serialize_averaging(trainer, archive, window.empty());
  if (archive.is_loading) restore_window(trainer, window, gradients);
}

}  // namespace hone::detail
