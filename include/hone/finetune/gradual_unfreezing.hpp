// SPDX-License-Identifier: Apache-2.0
/// Thaws a frozen model from its head to its first layers while it trains.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "hone/core/finite.hpp"
#include "hone/core/sentence.hpp"
#include "hone/finetune/model_freezer.hpp"

namespace hone {

namespace detail {

/// An optimizer that takes parameters during a run.
template <class O>
concept TakesGroups = requires(O& optimizer, NamedParameters parameters) {
  optimizer.add_group(std::move(parameters), optimizer.groups().back().settings);
};

template <class O>
struct optimizer_without_groups {
  static_assert(sizeof(O) == 0,
                "hone: GradualUnfreezing gives the optimizer new parameters, which this one cannot take. Use one of "
                "hone's own rules, or give it all parameters from the start.");
};

}  // namespace detail

/// Unfreezes one more layer group after every `every_n_epochs` epochs, the one closest to the head first, and gives its
/// parameters to the optimizer: the settings are those of the optimizer's last group, the learning rate is `lr_factor`
/// times that group's. Parameters that the optimizer already has stay where they are.
///
/// It holds the modes of what is frozen, so the freezer itself need not be given to the trainer too.
///
/// **Errors** `std::invalid_argument` when `every_n_epochs` < 1, or `lr_factor` is not above 0.
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

  /// What it has done.
  struct State {
    std::int64_t num_unfrozen = 0;  ///< Layer groups.
  };
  State state{};

  void on_training_run_start(const auto& event) {
    if (every_n_epochs < 1) {
      throw std::invalid_argument(
          sentence("GradualUnfreezing::every_n_epochs is {}. Give 1 or more epochs.", {every_n_epochs}));
    }
    if (!detail::is_finite(lr_factor) || lr_factor <= 0.0) {
      throw std::invalid_argument(
          sentence("GradualUnfreezing::lr_factor is {}. Give a finite factor above 0.", {lr_factor}));
    }
    if (event.run.epoch() > 1) catch_up(event.run.epoch() - 1, event.trainer.optimizer());  // of a run that goes on
  }

  void on_train_epoch_start(const auto& event) {
    catch_up(event.run.epoch(), event.trainer.optimizer());
    freezer.hold_modes();
  }

  /// Unfreezes what is due when `epoch` begins; the first is 1. An optimizer whose state is to be loaded needs its
  /// groups before that.
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
      const double lr = optimizer.lr(last) * lr_factor;  // where a schedule has brought it
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
