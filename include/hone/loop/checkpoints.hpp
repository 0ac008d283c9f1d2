// SPDX-License-Identifier: Apache-2.0
/// What a trainer keeps in files for others.
///
/// | | holds | for |
/// | --- | --- | --- |
/// | a checkpoint | model, optimizer, schedule | other programs, Python's among them; a new run |
/// | a training state (`resumable.hpp`) | all that and the run | the same run |
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

#include "hone/checkpoint/archive.hpp"
#include "hone/checkpoint/composite_state_dict.hpp"
#include "hone/checkpoint/optimizer_state_dict.hpp"
#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/schedule_state_dict.hpp"
#include "hone/checkpoint/state_dict.hpp"
#include "hone/checkpoint/torch_optimizer_state.hpp"
#include "hone/checkpoint/write_target.hpp"
#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/loop/checkpoint_options.hpp"
#include "hone/loop/step.hpp"

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
                "hone: this model cannot be saved: it is no torch::nn::Module and has no "
                "`void serialize(auto& archive)`. Give it one of the two.");
};
template <class Optimizer>
struct optimizer_without_state {
  static_assert(sizeof(Optimizer) == 0,
                "hone: this optimizer cannot be saved: give it `void serialize(auto& archive)`, take one of hone's "
                "rules, or leave it out with .save_optimizer = false.");
};

}  // namespace detail

/// A training step whose weights can be kept and brought back.
template <class Self, class Model, class Loss, class Optimizer, class... Policies>
class Checkpoints : public TrainingStep<Self, Model, Loss, Optimizer, Policies...> {
  using Step = TrainingStep<Self, Model, Loss, Optimizer, Policies...>;

 public:
  using typename Step::OptimizerType;

  /// A checkpoint as a dictionary, with the keys of pytorch-accelerated: `model_state_dict`, `optimizer_state_dict`,
  /// `scheduler_state_dict`. The tensors are the live ones: see `cloned`. Collective.
  ///
  /// **Errors** `std::logic_error` for an optimizer without a state; at compile time where no options are given.
  [[nodiscard]] Dict checkpoint(const CheckpointOptions& options) {
    require_savable_model();
    if (options.save_optimizer && !saves_optimizer) {
      throw std::logic_error(
          "This optimizer cannot be saved. Give it `void serialize(auto& archive)`, take one of hone's rules, or leave "
          "it out with .save_optimizer = false.");
    }
    Dict state = weights(options);
    announce(SaveCheckpoint{{run_}}, WithState<Dict>{state});
    for (const auto& [key, value] : options.extra) state.set(key, value);
    return state;
  }
  [[nodiscard]] Dict checkpoint() {
    require_savable();
    return checkpoint(CheckpointOptions());
  }
  /// Writes a checkpoint that Python's `torch.load(path, weights_only=True)` opens. The file is there whole or not at
  /// all. Missing folders are made. Collective: rank 0 writes, and the file is there when the call returns.
  ///
  /// **Errors** `DataError`, in every process, when it cannot be written; the file that was there is untouched then.
  /// Those of `checkpoint`.
  void save_checkpoint(const std::filesystem::path& path, const CheckpointOptions& options) {
    const Dict state = checkpoint(options);
    this->in_rank_zero([&] { write(path, state); });
  }
  void save_checkpoint(const std::filesystem::path& path) {
    require_savable();
    save_checkpoint(path, CheckpointOptions());
  }
  /// Whether checkpoints can hold the optimizer's state. An optimizer that is known at run time only may still refuse.
  static constexpr bool saves_optimizer =
      std::is_same_v<Optimizer, NoOptimizer> || detail::HasOptimizerState<OptimizerType> || Serializable<OptimizerType>;
  /// Loads a checkpoint of `save_checkpoint`, of pytorch-accelerated, or one with its keys, and returns all that it
  /// holds. The next run continues the schedule at the checkpoint's update; with `.load_scheduler = false` it starts
  /// the schedule from the beginning. Inside of a run, such as in `on_resume_point`, weights and optimizer are the
  /// checkpoint's, and the run's own schedule stays where it is.
  ///
  /// **Errors** `DataError` that lists everything that does not fit; nothing was changed then.
  Dict load_checkpoint(const std::filesystem::path& path, const LoadOptions& options = {}) {
    const Value state = read_checkpoint(path);
    try {
      load_checkpoint(state.get<Dict>(), options);
    } catch (const DataError& error) {
      throw DataError(sentence("{}: {}", {path.string(), error.what()}));
    }
    return state.get<Dict>();
  }
  /// The same from a dictionary.
  void load_checkpoint(const Dict& state, const LoadOptions& options = {}) {
    const auto updates = load_weights(state, options);
    this->drop_window();
    if constexpr (Step::has_schedule) {
      if (this->activity_.trains) {
        this->scheduler_step();  // the run's schedule is where it was, and the optimizer had the checkpoint's rates
      } else if (updates) {
        this->continue_schedule(*updates);
      }
    }
    announce(LoadCheckpoint{{run_}}, WithState<const Dict>{state});
  }

 protected:
  using Step::announce;
  using Step::model_;
  using Step::optimizer_;
  using Step::run_;
  using Step::Step;

  static constexpr bool trains = !std::is_same_v<Optimizer, NoOptimizer>;
  static constexpr bool has_model_state = detail::HasNamedState<std::remove_cvref_t<PointeeOf<Model>>> ||
                                          Serializable<std::remove_cvref_t<PointeeOf<Model>>>;

  static constexpr void require_savable_model() {
    if constexpr (!has_model_state) static_cast<void>(sizeof(detail::model_without_state<Model>));
  }
  static constexpr void require_savable() {
    require_savable_model();
    if constexpr (!saves_optimizer) static_cast<void>(sizeof(detail::optimizer_without_state<OptimizerType>));
  }

  [[nodiscard]] Dict weights(const CheckpointOptions& options) {
    Dict state;
    auto& model = pointee(model_);
    if constexpr (detail::HasNamedState<std::remove_cvref_t<decltype(model)>>) {
      state.set("model_state_dict", model_state());
    } else if constexpr (has_model_state) {
      state.set("model_state_dict", state_of(model));
    }
    if constexpr (has_loss_state) {
      if (Dict of_loss = state_dict(pointee(this->loss_)); !of_loss.empty()) {
        state.set("loss_state_dict", std::move(of_loss));
      }
    }
    if (options.save_optimizer) {
      if constexpr (detail::HasOptimizerState<OptimizerType>) {
        state.set("optimizer_state_dict", optimizer_state_dict(optimizer_));
      } else if constexpr (Serializable<OptimizerType>) {
        state.set("optimizer_state_dict", state_of(optimizer_));
      }
    }
    if constexpr (Step::has_schedule) {
      if (options.save_scheduler) {
        state.set("scheduler_state_dict",
                  schedule_state_dict(optimizer_, this->scheduled_updates(), this->active_schedule()));
      }
    }
    return state;
  }

  /// Loads model and optimizer; returns the update at which the schedule is, where the state has it. What does not fit
  /// is found before anything is changed, as far as the optimizer is hone's.
  std::optional<std::int64_t> load_weights(const Dict& state, const LoadOptions& options) {
    std::optional<std::int64_t> updates;
    const Value* schedule = options.load_scheduler && trains ? state.find("scheduler_state_dict") : nullptr;
    if (schedule != nullptr) {
      if (!Step::has_schedule) {
        throw DataError(
            "It holds the state of a schedule, and this trainer has none. Give the trainer one, or load with "
            ".load_scheduler = false.");
      }
      updates = scheduled_updates_in(*schedule);
    }
    const Value& saved = detail::model_state_in(state);
    auto& model = pointee(model_);
    if constexpr (detail::HasNamedState<std::remove_cvref_t<decltype(model)>>) {
      const auto fit = fit_state_dict(model, saved, {.strict = options.strict, .prefix = options.prefix});
      const auto loss_fit = fit_loss(state, options);
      load_optimizer(state, options);
      fit.load();
      if (loss_fit) loss_fit->load();
      load_master_weights(saved.get<Dict>(), options.prefix);
    } else if constexpr (has_model_state) {
      const auto loss_fit = fit_loss(state, options);
      load_optimizer(state, options);
      load_state_of(model, saved);
      if (loss_fit) loss_fit->load();
    } else {
      throw std::logic_error(
          "The model has no state that could be loaded: it is no torch::nn::Module and has no serialize. Give it one.");
    }
    return updates;
  }
  static void write(const std::filesystem::path& path, const Dict& state) {
    detail::create_folders(path.parent_path());
    write_checkpoint(path, state);
  }

 private:
  static constexpr bool has_loss_state = detail::HasNamedState<std::remove_cvref_t<PointeeOf<Loss>>>;

  /// How the state of the loss fits, where the loss has any. One without parameters may keep what it has: files that
  /// other programs wrote have no state of a loss.
  [[nodiscard]] std::optional<StateDictFit> fit_loss([[maybe_unused]] const Dict& state,
                                                     [[maybe_unused]] const LoadOptions& options) {
    if constexpr (has_loss_state) {
      auto& loss = pointee(this->loss_);
      if (const Value* found = state.find("loss_state_dict"))
        return fit_state_dict(loss, *found, {.strict = options.strict});
      if (options.strict && !named_parameters(loss).empty()) {
        throw DataError(
            "It has no 'loss_state_dict', and the loss of this trainer has parameters. Load a checkpoint of this "
            "trainer, or keep the loss as it is with .strict = false.");
      }
    }
    return std::nullopt;
  }

  /// Calls `f(name, weight, master)` for each name of a weight that the optimizer keeps a wider copy of.
  template <class F>
  void for_each_master_weight([[maybe_unused]] F&& f) {
    if constexpr (detail::HasMasterWeights<OptimizerType>) {
      std::unordered_map<const at::TensorImpl*, at::Tensor> masters;
      const auto& weights = optimizer_.parameters();
      const auto& wider = optimizer_.master_weights();
      for (std::size_t i = 0; i < weights.size(); ++i) {
        masters.emplace(weights[i].unsafeGetTensorImpl(), wider[i]);
      }
      detail::visit_state(detail::module_in(pointee(model_)), "",
                          [&](const std::string& name, const at::Tensor& weight) {
                            if (const auto found = masters.find(weight.unsafeGetTensorImpl()); found != masters.end())
                              f(name, weight, found->second);
                          });
    }
  }
  /// The model's own, with the wider copies in the place of the weights. A weight that somebody else has written to, as
  /// an average does for an evaluation, is as it is.
  [[nodiscard]] Dict model_state() {
    Dict state = state_dict(pointee(model_));
    for_each_master_weight([&](const std::string& name, const at::Tensor& weight, const at::Tensor& master) {
      if (weight.equal(master.to(weight.scalar_type()))) state.set(name, master.detach());
    });
    return state;
  }
  void load_master_weights(const Dict& state, const std::string& prefix) {
    const at::NoGradGuard no_gradients;
    for_each_master_weight([&](const std::string& name, const at::Tensor&, const at::Tensor& master) {
      if (const Value* found = state.find(prefix + name)) master.copy_(found->get<at::Tensor>());
    });
  }

  void load_optimizer(const Dict& state, const LoadOptions& options) {
    const Value* found = options.load_optimizer && trains ? state.find("optimizer_state_dict") : nullptr;
    if (found == nullptr) return;
    if constexpr (detail::HasOptimizerState<OptimizerType>) {
      load_optimizer_state_dict(optimizer_, *found);
    } else if constexpr (Serializable<OptimizerType>) {
      load_state_of(optimizer_, *found);
    } else {
      throw std::logic_error(
          "The checkpoint holds the state of an optimizer, and this one cannot load it. Give it serialize, or load "
          "with "
          ".load_optimizer = false.");
    }
  }
};

}  // namespace hone
