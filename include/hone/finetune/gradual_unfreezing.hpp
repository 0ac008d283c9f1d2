// SPDX-License-Identifier: Apache-2.0
/// A callback that unfreezes a model from its head to its first layers during training.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"
#include "hone/finetune/model_freezer.hpp"

namespace hone {

namespace detail {

/// An optimizer that accepts new parameter groups during a run.
template <class O>
concept TakesGroups = requires(O& optimizer, NamedParameters parameters) {
  optimizer.add_group(std::move(parameters), optimizer.groups().back().settings);
};

template <class O>
struct optimizer_without_groups {
  static_assert(sizeof(O) == 0,
                "hone: GradualUnfreezing adds parameters to the optimizer, which this optimizer does not support. Use "
                "a rule such as hone::AdamW.");
};

}  // namespace detail

/// Unfreezes one more layer group after every `every_n_epochs` epochs, starting with the one closest to the head, and
/// adds its parameters to the optimizer as a new group. The new group has the settings of the optimizer's last group,
/// with `lr_factor` times its learning rate. Parameters that the optimizer already has stay in their group.
///
/// The callback unfreezes only parameters that its freezer froze. It calls `ModelFreezer::hold_modes` in each epoch, so
/// the trainer does not need the freezer as a callback. A second run of the trainer freezes again what the first one
/// unfroze (see `reset_on_train`). A run that starts at a later epoch, such as a resumed run, starts with the groups
/// that are due by then.
///
/// **Errors** `std::invalid_argument` unless `every_n_epochs` is at least 1 and `lr_factor` finite and above 0.
/// **Source** J. Howard, S. Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018.
/// **Example**
/// ```
/// hone::ModelFreezer freezer{model};
/// freezer.freeze();
/// auto trainer = hone::Trainer{model, loss, hone::Sgd{.lr = 0.01}, hone::GradualUnfreezing{freezer, 2, 0.5}};
/// ```
struct GradualUnfreezing {
  ModelFreezer freezer;
  std::int64_t every_n_epochs = 1;
  double lr_factor = 1.0;
  bool reset_on_train = true;  ///< Start each run as the first one; otherwise a run continues the last one.

  /// The progress of the unfreezing.
  struct State {
    /// The state of the freezer when a run started.
    struct Start {
      ModelFreezer::Frozen frozen;  ///< The frozen parameters and modules of the freezer.
      std::int64_t num_unfrozen;    ///< The number of unfrozen layer groups.
    };
    std::int64_t num_unfrozen = 0;  ///< The number of layer groups that were unfrozen.
    std::optional<Start> start{};   ///< The state when the first run started.
  };
  State state{};

  void on_training_run_start(const auto& event) {
    if (every_n_epochs < 1) {
      throw std::invalid_argument(
          format_message("GradualUnfreezing::every_n_epochs is {}. Set it to 1 or greater.", {every_n_epochs}));
    }
    if (!detail::is_finite(lr_factor) || lr_factor <= 0.0) {
      throw std::invalid_argument(
          format_message("GradualUnfreezing::lr_factor is {}. Set it to a finite number greater than 0.", {lr_factor}));
    }
    if (!state.start) {
      state.start = State::Start{freezer.frozen(), state.num_unfrozen};
    } else if (reset_on_train) {
      freezer.freeze_again(state.start->frozen);
      state.num_unfrozen = state.start->num_unfrozen;
    }
    // A resumed run starts with the groups of the completed epochs.
    if (event.run.epoch() > 1) catch_up(event.run.epoch() - 1, event.trainer.optimizer());
  }

  void on_train_epoch_start(const auto& event) {
    catch_up(event.run.epoch(), event.trainer.optimizer());
    freezer.hold_modes();
  }

  /// Unfreezes all layer groups that are due at the start of `epoch`; the first epoch is 1. Call it before you load an
  /// optimizer state, so that the optimizer has the groups of that state.
  template <class Optimizer>
  void catch_up(std::int64_t epoch, Optimizer& optimizer) {
    for (; state.num_unfrozen < (epoch - 1) / every_n_epochs; ++state.num_unfrozen) {
      auto parameters = unfreeze_next();
      if (parameters.empty()) return;
      give(std::move(parameters), optimizer);
    }
  }

 private:
  NamedParameters unfreeze_next() {
    for (auto group = static_cast<std::int64_t>(freezer.num_layer_groups()) - 1; group >= 0; --group) {
      auto unfrozen = freezer.unfreeze(group, group);
      if (!unfrozen.empty()) return std::move(unfrozen.begin()->second);
    }
    return {};
  }

  template <class Optimizer>
  void give(NamedParameters parameters, Optimizer& optimizer) const {
    if constexpr (detail::TakesGroups<Optimizer>) {
      std::unordered_set<const at::TensorImpl*> present;
      for (const auto& parameter : optimizer.parameters()) present.insert(parameter.unsafeGetTensorImpl());
      std::erase_if(parameters, [&](const NamedParameter& parameter) {
        return present.contains(parameter.value.unsafeGetTensorImpl());
      });
      if (parameters.empty()) return;
      const std::size_t last = optimizer.num_groups() - 1;
      const double lr = optimizer.lr(last) * lr_factor;  // the current rate of the schedule
      auto settings = optimizer.groups().back().settings;
      settings.lr = optimizer.base_lr(last) * lr_factor;
      optimizer.add_group(std::move(parameters), settings);
      optimizer.set_lr(last + 1, lr);
    } else {
      static_assert(sizeof(detail::optimizer_without_groups<Optimizer>) > 0);
    }
  }
};

}  // namespace hone
