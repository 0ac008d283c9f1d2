// SPDX-License-Identifier: Apache-2.0
/// Saving and loading of a trainer's checkpoints.
///
/// | | contains | purpose |
/// | --- | --- | --- |
/// | a checkpoint | model, optimizer, schedule | other programs, also in Python; a new run |
/// | a training state (`training_state.hpp`) | a checkpoint and the run | resuming the run |
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "hone/checkpoint/archive.hpp"
#include "hone/checkpoint/composite_state_dict.hpp"
#include "hone/checkpoint/optimizer_state_dict.hpp"
#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/schedule_state_dict.hpp"
#include "hone/checkpoint/state_dict.hpp"
#include "hone/checkpoint/torch_optimizer_state.hpp"
#include "hone/checkpoint/write_target.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/state/checkpoint_options.hpp"
#include "hone/step/components.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/rank_zero.hpp"
#include "hone/step/update.hpp"

namespace hone {

namespace detail {

template <class Model>
concept HasNamedState = requires(const Model& model) {
  model.named_parameters(false);
  model.named_buffers(false);
  model.named_children();
};
template <class O>
concept HasOptimizerState = requires(O& optimizer, const Value& state) {
  { optimizer_state_dict(optimizer) } -> std::same_as<Dict>;
  load_optimizer_state_dict(optimizer, state);
};

template <class O>
concept HasMasterWeights = requires(const O& optimizer) {
  { optimizer.master_weights() } -> std::convertible_to<at::TensorList>;
};

template <class Model>
struct model_without_state {
  static_assert(sizeof(Model) == 0,
                "hone: this model cannot be saved: it is not a torch::nn::Module and has no `void serialize(auto& "
                "archive)`. Derive it from torch::nn::Module, or add that member.");
};
template <class Optimizer>
struct optimizer_without_state {
  static_assert(sizeof(Optimizer) == 0,
                "hone: this optimizer cannot be saved. Add `void serialize(auto& archive)`, use one of hone's rules, "
                "or set .save_optimizer = false.");
};

template <class T>
inline constexpr bool has_model_state = HasNamedState<std::remove_cvref_t<UnwrapRef<typename T::Model>>> ||
                                        Serializable<std::remove_cvref_t<UnwrapRef<typename T::Model>>>;
template <class T>
inline constexpr bool has_loss_state = HasNamedState<std::remove_cvref_t<UnwrapRef<typename T::Loss>>>;
template <class T>
inline constexpr bool has_optimizer = !std::is_same_v<typename T::Optimizer, NoOptimizer>;
template <class T>
inline constexpr bool saves_optimizer =
    !has_optimizer<T> || HasOptimizerState<typename T::BoundOptimizer> || Serializable<typename T::BoundOptimizer>;

template <class T>
constexpr void require_savable_model() {
  if constexpr (!has_model_state<T>) static_cast<void>(sizeof(model_without_state<typename T::Model>));
}
template <class T>
constexpr void require_savable() {
  require_savable_model<T>();
  if constexpr (!saves_optimizer<T>) static_cast<void>(sizeof(optimizer_without_state<typename T::BoundOptimizer>));
}

/// Calls `f(name, weight, master)` for each name of a parameter of which the optimizer has a master weight.
template <class T, class F>
void for_each_master_weight([[maybe_unused]] Components<T>& parts, [[maybe_unused]] F&& f) {
  if constexpr (HasMasterWeights<typename T::BoundOptimizer>) {
    std::unordered_map<const at::TensorImpl*, at::Tensor> masters;
    const auto& weights = parts.optimizer.parameters();
    const auto& wider = parts.optimizer.master_weights();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      masters.emplace(weights[i].unsafeGetTensorImpl(), wider[i]);
    }
    visit_state(module_in(unwrap(parts.model)), "", [&](const std::string& name, const at::Tensor& weight) {
      if (const auto found = masters.find(weight.unsafeGetTensorImpl()); found != masters.end()) {
        f(name, weight, found->second);
      }
    });
  }
}

/// Returns the model's state, with master weights in place of the parameters. A parameter that is not its master weight
/// rounded, as during an evaluation of averaged weights, is saved itself. Waits for the device if there are master
/// weights.
template <class T>
[[nodiscard]] Dict model_state(Components<T>& parts) {
  Dict state = state_dict(unwrap(parts.model));
  for_each_master_weight(parts, [&](const std::string& name, const at::Tensor& weight, const at::Tensor& master) {
    if (weight.equal(master.to(weight.scalar_type()))) state.set(name, master.detach());
  });
  return state;
}

/// Returns the state of model, loss, optimizer and schedule, without entries of callbacks. Collective if the
/// optimizer's state is sharded.
template <class Trainer>
[[nodiscard]] Dict weights(Trainer& trainer, const CheckpointOptions& options) {
  using T = TraitsOf<Trainer>;
  using Optimizer = typename T::BoundOptimizer;
  auto& self = internals(trainer);
  auto& parts = self.parts;
  finish_schedule(trainer);  // the state's learning rates and the position of its schedule belong together
  Dict state;
  auto& model = unwrap(parts.model);
  if constexpr (HasNamedState<std::remove_cvref_t<decltype(model)>>) {
    state.set("model_state_dict", model_state(parts));
  } else if constexpr (has_model_state<T>) {
    state.set("model_state_dict", state_of(model));
  }
  if constexpr (has_loss_state<T>) {
    if (Dict of_loss = state_dict(unwrap(parts.loss)); !of_loss.empty()) {
      state.set("loss_state_dict", std::move(of_loss));
    }
  }
  if (options.save_optimizer) {
    if constexpr (HasOptimizerState<Optimizer>) {
      state.set("optimizer_state_dict", optimizer_state_dict(parts.optimizer));
    } else if constexpr (Serializable<Optimizer>) {
      state.set("optimizer_state_dict", state_of(parts.optimizer));
    }
  }
  if constexpr (T::has_schedule) {
    if (options.save_scheduler) {
      state.set("scheduler_state_dict",
                schedule_state_dict(parts.optimizer, trainer.scheduled_updates(), *self.step.schedule));
    }
  }
  return state;
}

/// Makes a checkpoint; see `Trainer::checkpoint`.
template <class Trainer>
[[nodiscard]] Dict make_checkpoint(Trainer& trainer, const CheckpointOptions& options) {
  using T = TraitsOf<Trainer>;
  require_savable_model<T>();
  if (options.save_optimizer && !saves_optimizer<T>) {
    throw std::logic_error(
        "This optimizer cannot be saved. Add `void serialize(auto& archive)`, use one of hone's rules, or set "
        ".save_optimizer = false.");
  }
  Dict state = weights(trainer, options);
  dispatch(trainer, SaveCheckpoint{{internals(trainer).run}}, WithState<Dict>{state});
  for (const auto& [key, value] : options.extra) state.set(key, value);
  return state;
}

/// Writes a checkpoint or a training state on rank 0, and creates missing directories. Collective: returns on every
/// rank after the file is written.
template <class Trainer>
void write_in_rank_zero(Trainer& trainer, const std::filesystem::path& path, const Dict& state) {
  trainer.on_rank_zero([&] {
    create_folders(path.parent_path());
    write_checkpoint(path, state);
  });
}

/// Matches the state of the loss, if the loss is a module. The state may be missing if the loss has no parameters or
/// without `strict`, because other programs save no state of a loss. The loss is unchanged then.
template <class T>
[[nodiscard]] std::optional<StateDictFit> fit_loss([[maybe_unused]] Components<T>& parts,
                                                   [[maybe_unused]] const Dict& state,
                                                   [[maybe_unused]] const LoadOptions& options) {
  if constexpr (has_loss_state<T>) {
    auto& loss = unwrap(parts.loss);
    if (const Value* found = state.find("loss_state_dict"))
      return fit_state_dict(loss, *found, {.strict = options.strict});
    if (options.strict && !named_parameters(loss).empty()) {
      throw DataError(
          "It has no 'loss_state_dict', but the loss of this trainer has parameters. Load a checkpoint of this "
          "trainer, or set .strict = false to keep the loss unchanged.");
    }
  }
  return std::nullopt;
}

template <class T>
void load_master_weights(Components<T>& parts, const Dict& state, const std::string& prefix) {
  const at::NoGradGuard no_gradients;
  for_each_master_weight(parts, [&](const std::string& name, const at::Tensor&, const at::Tensor& master) {
    if (const Value* found = state.find(prefix + name)) master.copy_(found->get<at::Tensor>());
  });
}

template <class T>
void load_optimizer(Components<T>& parts, const Dict& state, const LoadOptions& options) {
  const Value* found = options.load_optimizer && has_optimizer<T> ? state.find("optimizer_state_dict") : nullptr;
  if (found == nullptr) return;
  if constexpr (HasOptimizerState<typename T::BoundOptimizer>) {
    load_optimizer_state_dict(parts.optimizer, *found);
  } else if constexpr (Serializable<typename T::BoundOptimizer>) {
    load_state_of(parts.optimizer, *found);
  } else {
    throw std::logic_error(
        "The checkpoint has the state of an optimizer, which this optimizer cannot load. Add `serialize` to the "
        "optimizer, or set .load_optimizer = false.");
  }
}

/// Loads model, loss and optimizer. Returns the update that the schedule is at, if the state has it. If the model is a
/// module, and the optimizer has a state dict or is not loaded, checks everything before it changes anything.
template <class T>
std::optional<std::int64_t> load_weights(Components<T>& parts, const Dict& state, const LoadOptions& options) {
  std::optional<std::int64_t> updates;
  const Value* schedule = options.load_scheduler && has_optimizer<T> ? state.find("scheduler_state_dict") : nullptr;
  if (schedule != nullptr) {
    if (!T::has_schedule) {
      throw DataError(
          "It has the state of a schedule, but this trainer has no schedule. Add one to the trainer, or set "
          ".load_scheduler = false.");
    }
    updates = scheduled_updates_in(*schedule);
  }
  const Value& saved = model_state_in(state);
  auto& model = unwrap(parts.model);
  if constexpr (HasNamedState<std::remove_cvref_t<decltype(model)>>) {
    const auto fit = fit_state_dict(model, saved, {.strict = options.strict, .prefix = options.prefix});
    const auto loss_fit = fit_loss(parts, state, options);
    load_optimizer(parts, state, options);
    fit.load();
    if (loss_fit) loss_fit->load();
    load_master_weights(parts, saved.get<Dict>(), options.prefix);
  } else if constexpr (has_model_state<T>) {
    const auto loss_fit = fit_loss(parts, state, options);
    load_optimizer(parts, state, options);
    load_state_of(model, saved);
    if (loss_fit) loss_fit->load();
  } else {
    throw std::logic_error(
        "The model has no state to load: it is not a torch::nn::Module and has no `serialize`. Derive it from "
        "torch::nn::Module, or add `serialize`.");
  }
  return updates;
}

/// Loads a checkpoint; see `Trainer::load_checkpoint`.
template <class Trainer>
void load_checkpoint(Trainer& trainer, const Dict& state, const LoadOptions& options) {
  auto& self = internals(trainer);
  auto& optimizer = self.parts.optimizer;
  std::vector<double> lrs;  // that the override has set
  if constexpr (TraitsOf<Trainer>::has_schedule && is_overridden<overrides::scheduler_step, Trainer>) {
    for (std::size_t group = 0; group < optimizer.num_groups(); ++group) lrs.push_back(optimizer.lr(group));
  }
  const auto updates = load_weights(self.parts, state, options);
  drop_window(trainer);
  if constexpr (TraitsOf<Trainer>::has_schedule) {
    if (self.activity.trains) {
      trainer.scheduler_step();  // keeps the run's position; overwrites the checkpoint's learning rates
      for (std::size_t group = 0; group < lrs.size(); ++group) optimizer.set_lr(group, lrs[group]);
    } else if (updates) {
      continue_schedule(trainer, *updates, options.load_optimizer && state.contains("optimizer_state_dict"));
    }
  }
  dispatch(trainer, LoadCheckpoint{{self.run}}, WithState<const Dict>{state});
}
template <class Trainer>
Dict load_checkpoint(Trainer& trainer, const std::filesystem::path& path, const LoadOptions& options) {
  const Value state = read_checkpoint(path);
  try {
    load_checkpoint(trainer, state.get<Dict>(), options);
  } catch (const DataError& error) {
    throw DataError(format_message("{}: {}", {path.string(), error.what()}));
  }
  return state.get<Dict>();
}

}  // namespace detail

}  // namespace hone
