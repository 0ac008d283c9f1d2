// SPDX-License-Identifier: Apache-2.0
/// The trainer. The training loop is in `trainer/train_loop.hpp`, one step of it in `step/step.hpp`.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "hone/callbacks/console.hpp"
#include "hone/data/loader.hpp"
#include "hone/state/checkpoints.hpp"
#include "hone/state/resume.hpp"
#include "hone/state/training_state.hpp"
#include "hone/step/batch_loss.hpp"
#include "hone/step/host_step.hpp"
#include "hone/step/merge_across_ranks.hpp"
#include "hone/step/rank_zero.hpp"
#include "hone/step/step.hpp"
#include "hone/trainer/evaluate.hpp"
#include "hone/trainer/invalid_trainer.hpp"
#include "hone/trainer/loaders.hpp"
#include "hone/trainer/predict.hpp"
#include "hone/trainer/run_options.hpp"
#include "hone/trainer/train_loop.hpp"
#include "hone/trainer/trainer_state.hpp"
#include "hone/trainer/training_run.hpp"

namespace hone {

/// Trains a model.
///
/// `Policies` may contain, in any order, a policy for each slot (see `core/slots.hpp`), lists `Callbacks<...>`, and one
/// type with overrides. A slot without a policy uses its default.
///
/// A trainer is not thread-safe: use it from one thread at a time. Several threads may each use their own trainer, with
/// its own model, loss and optimizer; they share LibTorch's global random generators.
///
/// With several ranks, all of them must call the functions marked as collective, in the same order. If only some do,
/// they deadlock until the process group's timeout, and then throw `DistributedError`.
///
/// **Errors** at compile time, one message, for invalid template arguments.
/// **Example**
/// ```
/// auto trainer = hone::Trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, hone::ProgressBar{}};
/// auto history = trainer.train(train_set, eval_set, hone::TrainOptions{.num_epochs = 8, .per_device_batch_size = 32});
/// ```
template <class Model, class Loss, class Optimizer, class... Policies>
  requires Composable<Model, Loss, Optimizer, Policies...>
class Trainer<Model, Loss, Optimizer, Policies...> {
 public:
  using Traits = TrainerTraits<Model, Loss, Optimizer, Policies...>;  ///< The type of each component.

  /// Moves model and loss to the device and binds the optimizer to their parameters. `settings` are values for the
  /// types in `Policies`, in any order; missing ones are default-constructed. Collective.
  template <class... Settings>
  explicit Trainer(Model model, Loss loss_function, Optimizer optimizer, Settings... settings)
      : state_{{ConstructorArgs<Settings...>(settings...), std::move(model), std::move(loss_function),
                std::move(optimizer)}} {
    static_assert(ConstructorArgs<Settings...>::template all_among<Policies...>);
    if constexpr (Traits::reduces) {  // for a stop that is requested before the first run
      state_.run.config_.num_processes = world_size();
      state_.run.config_.process_index = rank();
    }
    detail::dispatch(*this, InitEnd{{state_.run}});
  }
  Trainer(Trainer&&) = default;
  Trainer(const Trainer&) = delete;

  // ---------------------------------------------------------------------------------------------------------- runs

  /// Trains on a `TensorDataset`, an indexed dataset, or a range of batches. Restores the modes of the model, gradient
  /// mode and threads when it returns or throws. Collective.
  ///
  /// **Errors** `std::invalid_argument` for invalid options, `DataError` for data that does not fit, `std::logic_error`
  /// inside a callback of this trainer. The model then has the weights of the last update.
  template <class Dataset>
  RunHistory train(Dataset&& train_set, const TrainOptions& options = {}) {
    return run_train(train_set, nullptr, options, from_the_beginning);
  }
  /// Trains with an evaluation after each epoch.
  template <class Dataset, class EvalDataset>
    requires(!std::same_as<std::remove_cvref_t<EvalDataset>, TrainOptions>)
  RunHistory train(Dataset&& train_set, EvalDataset&& eval_set, const TrainOptions& options = {}) {
    return run_train(train_set, eval_set, options, from_the_beginning);
  }
  /// Resumes a run exactly where it was saved. `source` is a training state, its file, a directory (its newest file),
  /// or a result of `latest_training_state`. Trains from the beginning if `source` is empty, and in a `fast_dev_run`.
  /// Limits such as `num_epochs` are totals over all parts of the run. Collective.
  ///
  /// **Errors** as `train`; `DataError` for a file without a training state, and for a state of another trainer.
  /// **Example** `trainer.resume(hone::latest_training_state(folder), train_set, eval_set, {.num_epochs = 8})`
  template <class Dataset>
  RunHistory resume(const ResumeFrom& source, Dataset&& train_set, const TrainOptions& options = {}) {
    return run_train(train_set, nullptr, options, from(source, options.fast_dev_run > 0));
  }
  template <class Dataset, class EvalDataset>
    requires(!std::same_as<std::remove_cvref_t<EvalDataset>, TrainOptions>)
  RunHistory resume(const ResumeFrom& source, Dataset&& train_set, EvalDataset&& eval_set,
                    const TrainOptions& options = {}) {
    return run_train(train_set, eval_set, options, from(source, options.fast_dev_run > 0));
  }

  /// Evaluates, and returns the records that it added to the history: the mean loss over samples, `evaluation_loss`,
  /// and the records of callbacks. May be called between steps and in callbacks; an open run continues. Collective.
  ///
  /// **Errors** `std::logic_error` inside an evaluation.
  template <class Dataset>
  RunHistory evaluate(Dataset&& dataset, const EvaluateOptions& options = {}) {
    detail::check_evaluation<Trainer, Dataset>(options);
    return detail::evaluate(*this, dataset, options);
  }

  /// Returns the model's outputs for all samples, in the order of the dataset: one tensor if the model returns tensors,
  /// else a vector with an element for each batch of this rank. Ignores targets. The outputs share no memory with
  /// batches or with the model's buffers. May be called wherever `evaluate` may. Collective.
  ///
  /// **Errors** `std::logic_error` inside a prediction; `DataError` if output tensors cannot be concatenated along
  /// their first dimension; `StoppedError` if a stop ends the run early.
  template <class Dataset>
  auto predict(Dataset&& dataset, const EvaluateOptions& options = {}) {
    detail::check_evaluation<Trainer, Dataset>(options);
    return detail::predict(*this, dataset, options);
  }

  /// Opens a training run for a loop in the host program; see `TrainingRun`. Collective.
  ///
  /// **Errors** `std::logic_error` inside another run of this trainer.
  [[nodiscard]] auto begin_run(const RunOptions& options = {}) {
    return TrainingRun<Trainer, std::nullptr_t>(*this, nullptr, options, from_the_beginning);
  }
  /// Opens a run that evaluates `eval_set` after each epoch, and when a callback requests it. The run refers to an
  /// lvalue and moves an rvalue into itself.
  template <class EvalDataset>
    requires(!std::same_as<std::remove_cvref_t<EvalDataset>, RunOptions>)
  [[nodiscard]] auto begin_run(EvalDataset&& eval_set, const RunOptions& options = {}) {
    return TrainingRun<Trainer, EvalDataset>(*this, std::forward<EvalDataset>(eval_set), options, from_the_beginning);
  }
  /// Opens a run that resumes (see `resume`). The next batch is `run().batch()` of epoch `run().epoch()`. Collective.
  [[nodiscard]] auto resume_run(const ResumeFrom& source, const RunOptions& options = {}) {
    return TrainingRun<Trainer, std::nullptr_t>(*this, nullptr, options, from(source));
  }
  template <class EvalDataset>
    requires(!std::same_as<std::remove_cvref_t<EvalDataset>, RunOptions>)
  [[nodiscard]] auto resume_run(const ResumeFrom& source, EvalDataset&& eval_set, const RunOptions& options = {}) {
    return TrainingRun<Trainer, EvalDataset>(*this, std::forward<EvalDataset>(eval_set), options, from(source));
  }

  // ---------------------------------------------------------------------------------- steps in a host program's loop

  /// Trains on one batch: forward, loss, backward and, if it completes the accumulation window, the update. Returns the
  /// result of the loss step. Keeps the model's mode. Restores threads, denormal flags, gradient mode and number
  /// formats. Clears gradients of other backward passes when a window begins. Collective.
  ///
  /// A stop that a callback requests applies to this call only: `TerminateOnNaN` drops a batch whose loss is NaN, with
  /// its accumulation window, and the next call trains again. Until then `run().stop_requested()` is true.
  ///
  /// **Errors** `std::logic_error` inside a run of this trainer, and if a callback needs a run (see `begin_run`);
  /// `std::invalid_argument` if the trainer has no parameters to train.
  template <class Batch>
  auto step(Batch&& batch) {
    if (!state_.activity.is_idle()) [[unlikely]]
      refuse_call("step", state_.activity,
                  "`train` makes the steps itself. In a run of begin_run, call the `step` of the run.");
    if constexpr (Traits::Callbacks::needs_run) Traits::Callbacks::refuse_step_without_run();
    detail::require_trainable(*this);
    state_.run.forget_stop();
    return detail::host_step(*this, batch, [&] {
      if constexpr (Traits::has_schedule) {
        if (!state_.step.cursor.started) detail::start_schedule(*this, RunLength{});
      }
      detail::start_from_own_gradients(*this);
      return detail::train_step(*this, batch, /*is_last=*/false);
    });
  }

  /// Does the update of an incomplete accumulation window, with the mean over its batches. Call it after the last
  /// `step` if gradients are accumulated. A no-op if the window is empty. Collective.
  void finish_window() {
    if (state_.step.window.empty()) return;
    [[maybe_unused]] const auto denormals = state_.parts.denormals.over_step();
    [[maybe_unused]] const auto precision = state_.parts.precision_scope();
    detail::with_device(*this, [&] { detail::finish_window(*this); });
  }

  /// Computes loss and outputs of one batch in evaluation mode, without gradients, and restores the modes.
  template <class Batch>
  auto evaluate_batch(Batch&& arrived) {
    return detail::evaluate_batch(*this, arrived);
  }

  /// Returns the mean loss over the samples of the epoch so far; outside a run, of all steps since `reset_mean_loss()`
  /// or the last run. NaN without samples. Synchronizes with the device. Collective.
  [[nodiscard]] double mean_loss() const { return state_.step.train_loss.mean(state_.parts.processes); }
  void reset_mean_loss() { state_.step.train_loss.reset(); }  ///< Starts the mean over.

  // --------------------------------------------------------- the default steps of the loop, which overrides may call

  /// Returns the batches of a dataset, of a range of batches, or of the object behind a pointer; a range by reference.
  template <class Dataset>
  decltype(auto) create_train_dataloader(Dataset& dataset, const LoaderOptions& options) {
    return batches_of(dataset, options);
  }
  /// Returns the batches of a dataset for evaluation, as `create_train_dataloader`.
  template <class Dataset>
  decltype(auto) create_eval_dataloader(Dataset& dataset, const LoaderOptions& options) {
    return batches_of(dataset, options);
  }
  /// Switches the model to training mode.
  void train_epoch_start() { set_training(state_.parts.model, true); }
  /// Switches the model to evaluation mode.
  void eval_epoch_start() { set_training(state_.parts.model, false); }
  /// Computes forward and loss of a batch, in the number format of the precision policy.
  template <class Batch>
  detail::LossStepOutput<Model, Loss, Batch> train_batch_loss(Batch& batch) {
    [[maybe_unused]] const auto region = state_.parts.precision.region(device());
    return batch_loss(state_.parts.model, state_.parts.loss, batch);
  }
  /// Computes forward and loss of an evaluation batch, without any override.
  template <class Batch>
  detail::LossStepOutput<Model, Loss, Batch> eval_batch_loss(Batch& batch) {
    return train_batch_loss(batch);
  }
  /// Returns the model's outputs for a batch.
  template <class Batch>
  auto predict_batch(Batch& batch) {
    [[maybe_unused]] const auto region = state_.parts.precision.region(device());
    return std::apply([this](auto&... inputs) { return forward(state_.parts.model, inputs...); }, inputs_of(batch));
  }
  void backward(const at::Tensor& loss) { backward_or_explain(loss); }   ///< Collective.
  void optimizer_step() { detail::plain_optimizer_step(state_.parts); }  ///< Collective.
  /// Sets the learning rates, or other fields that the schedule drives, for the next update.
  void scheduler_step() {
    if constexpr (Traits::has_schedule) {
      apply_schedule(*state_.step.schedule, state_.parts.optimizer, state_.step.cursor.updates);
    }
  }
  void zero_grad() { Traits::Gradients::clear(state_.parts.optimizer); }

  // -------------------------------------------------------------------------------- checkpoints and training states

  /// True if checkpoints can contain the optimizer's state, as far as its static type shows.
  static constexpr bool saves_optimizer = detail::saves_optimizer<Traits>;

  /// Returns a checkpoint with the keys of pytorch-accelerated: `model_state_dict`, `optimizer_state_dict`,
  /// `scheduler_state_dict`. Tensors share memory with the trainer; see `cloned`. With `Zero`, ranks other than 0
  /// return only their shard of the optimizer's state. Collective.
  ///
  /// **Errors** `std::logic_error` for an optimizer whose state cannot be saved; without options, at compile time.
  [[nodiscard]] Dict checkpoint(const CheckpointOptions& options) { return detail::make_checkpoint(*this, options); }
  [[nodiscard]] Dict checkpoint() {
    detail::require_savable<Traits>();
    return checkpoint(CheckpointOptions());
  }
  /// Writes a checkpoint atomically, in the format of Python's `torch.load(path, weights_only=True)`. Creates missing
  /// directories. Rank 0 writes; no rank returns before the file is complete. Collective.
  ///
  /// **Errors** as `checkpoint`; `DataError` on all ranks if writing fails, which leaves an existing file unchanged.
  void save_checkpoint(const std::filesystem::path& path, const CheckpointOptions& options) {
    detail::write_in_rank_zero(*this, path, checkpoint(options));
  }
  void save_checkpoint(const std::filesystem::path& path) { detail::write_in_rank_zero(*this, path, checkpoint()); }
  /// Loads a checkpoint of `save_checkpoint`, of pytorch-accelerated, or one with the same keys. Returns its content.
  /// The next run continues the schedule at the checkpoint's update; with `.load_scheduler = false`, it starts from the
  /// beginning. Within a run, such as in `on_resume_point`, the run's schedule keeps its position.
  ///
  /// **Errors** `DataError` that lists the mismatches. Nothing is changed then if the model is a `torch::nn::Module`
  /// and the optimizer is one of hone's.
  Dict load_checkpoint(const std::filesystem::path& path, const LoadOptions& options = {}) {
    return detail::load_checkpoint(*this, path, options);
  }
  /// Loads a checkpoint from a dictionary.
  void load_checkpoint(const Dict& state, const LoadOptions& options = {}) {
    detail::load_checkpoint(*this, state, options);
  }

  /// Returns all state that a run needs to resume: a checkpoint, and the entry `training_state` with the position in
  /// the data, gradients of an open accumulation window, random generators, the history, and the state of callbacks,
  /// policies and overrides with `serialize`. Tensors share memory with the trainer; see `cloned`. Rank 0 returns the
  /// state of all ranks, from which any number of ranks can resume; every other rank returns its own state. Collective.
  ///
  /// **Errors** `std::logic_error` within a run or a step, except in `on_resume_point`.
  [[nodiscard]] Dict training_state(const Dict& extra = {}) { return detail::make_training_state(*this, extra); }
  /// Writes a training state, as `save_checkpoint` does. **Errors** as `training_state`, `save_checkpoint`. Collective.
  void save_training_state(const std::filesystem::path& path, const Dict& extra = {}) {
    detail::write_in_rank_zero(*this, path, training_state(extra));
  }
  /// Restores a training state, so that the next `step` gives the same result as in the saved trainer. `train` then
  /// begins a new run; use `resume` to continue the saved one.
  ///
  /// **Errors** `DataError` for a state of another trainer; `std::logic_error` within a run.
  void load_training_state(const Dict& state) { detail::load_training_state(*this, state); }
  /// Restores a training state from a file, or from the newest file in a directory. Collective.
  void load_training_state(const std::filesystem::path& path) { detail::load_training_state(*this, path); }
  /// Returns the completed epochs and updates of the run. Positions compare in the order of training.
  [[nodiscard]] TrainingProgress place() const { return {state_.run.num_epochs(), state_.run.num_updates()}; }

  // ---------------------------------------------------------------------------------------------------- components

  [[nodiscard]] Model& model() { return state_.parts.model; }
  [[nodiscard]] Loss& loss() { return state_.parts.loss; }
  [[nodiscard]] auto& optimizer() { return state_.parts.optimizer; }
  [[nodiscard]] auto& callbacks() { return state_.parts.callbacks; }  ///< The set of all callbacks.
  [[nodiscard]] auto& overrides() {
    return state_.parts.overrides;
  }  ///< The struct with overrides, to read its results.
  [[nodiscard]] const auto& overrides() const { return state_.parts.overrides; }
  [[nodiscard]] auto& accumulation() { return state_.parts.accumulation; }  ///< The policy.
  [[nodiscard]] auto& clipping() { return state_.parts.clipping; }          ///< The policy.
  /// The policy; for `StepCapture`, with its counts.
  [[nodiscard]] auto& execution() { return state_.parts.execution; }
  [[nodiscard]] auto& splitting() { return state_.parts.splitting; }  ///< The policy.
  [[nodiscard]] auto& precision() { return state_.parts.precision; }  ///< The policy; for loss scaling, with the scale.
  [[nodiscard]] c10::Device device() const { return state_.parts.device.device(); }  ///< The device of the model.
  [[nodiscard]] Run& run() { return state_.run; }  ///< For requests to stop, by an override or the host program.
  [[nodiscard]] const Run& run() const { return state_.run; }
  [[nodiscard]] RunHistory& run_history() { return state_.run.history(); }  ///< The recorded values of all runs.

  /// True if the schedule sets the learning rates.
  static constexpr bool schedule_drives_lr = drives_lr<typename Traits::Schedule>;
  [[nodiscard]] auto& schedule() { return state_.parts.schedule; }  ///< The schedule of the next run.
  /// Returns the schedule, resolved for the length of the run.
  [[nodiscard]] const auto& active_schedule() const { return *state_.step.schedule; }
  /// Returns the number of updates since the schedule started; if it has not, the update at which it will start.
  [[nodiscard]] std::int64_t scheduled_updates() const {
    const auto& cursor = state_.step.cursor;
    return cursor.started ? cursor.updates : cursor.continued;
  }
  /// Makes the next run start the schedule from the beginning, even after `load_checkpoint`.
  void restart_schedule() { detail::continue_schedule(*this, 0, /*has_values=*/false); }

  // --------------------------------------------------------------------------------------------------------- ranks

  [[nodiscard]] auto& distribution() { return state_.parts.processes; }     ///< The distribution policy.
  [[nodiscard]] int rank() const { return state_.parts.processes.rank(); }  ///< From 0 to `world_size() - 1`.
  /// The number of processes; 1 without a distribution policy.
  [[nodiscard]] int world_size() const { return state_.parts.processes.world_size(); }
  /// Returns this rank's shard of a dataset, for a loader that the trainer does not make.
  [[nodiscard]] DataShard data_shard() const { return {rank(), world_size()}; }

  /// Returns the rows of all ranks, concatenated in rank order, as a copy on every rank (all-gather). Collective.
  ///
  /// **Shapes** equal on all ranks except for the first dimension, which may be 0. A scalar counts as one row.
  [[nodiscard]] at::Tensor all_gather(const at::Tensor& rows) {
    const at::Tensor own = rows.dim() == 0 ? rows.reshape({1}) : rows;
    if constexpr (Traits::reduces) {
      return at::cat(distribution().all_gather(own));
    } else {
      return own.clone();
    }
  }
  /// Replaces each of `numbers` with its sum over all ranks (all-reduce). A no-op for a single process. Collective.
  void all_reduce_sum([[maybe_unused]] std::span<double> numbers) {
    if constexpr (Traits::reduces) {
      distribution().begin_all_reduce_sum(numbers);
      const auto sums = distribution().end_all_reduce_sum();
      std::copy(sums.begin(), sums.end(), numbers.begin());
    }
  }
  /// Replaces `thing` with the merge of its values on all ranks; see `hone::merge_across_ranks`. Collective.
  void merge_across_ranks([[maybe_unused]] auto& thing) {
    if constexpr (Traits::reduces) hone::merge_across_ranks(distribution(), thing);
  }
  /// Calls `f` on rank 0 only. All ranks return its result or throw its error; see `hone::on_rank_zero`. Collective.
  template <class F>
  auto on_rank_zero(F&& f) {
    return hone::on_rank_zero(distribution(), f);
  }
  /// Prints a line to standard output, on rank 0 only. In a callback, use `print_once`.
  void print(std::string_view line) const {
    if (rank() == 0) detail::put(stdout, std::string(line) + "\n");
  }
  /// Dispatches a user-defined event to the callbacks that have `on_event` for it.
  template <class E>
  void notify(const E& event) {
    if constexpr (Traits::Callbacks::template forwards<E>) {
      if (!state_.is_silent) state_.parts.callbacks.notify(event);
    }
  }

 private:
  friend struct detail::Internals;

  /// Sets where a run starts. Separate functions, so that only programs that resume contain the code for it.
  static void from_the_beginning(Trainer& trainer) { detail::set_no_resume_source(trainer); }
  static auto from(const ResumeFrom& source, bool is_trial = false) {
    return [&source, is_trial](Trainer& trainer) {
      if (!is_trial) detail::set_resume_source(trainer, source);
    };
  }

  /// Makes the loaders and runs the training loop. Without an evaluation, `eval_set` is `nullptr`.
  template <class Dataset, class EvalDataset, class Start>
  RunHistory run_train(Dataset& train_set, EvalDataset&& eval_set, const TrainOptions& options, Start start) {
    constexpr bool evaluates = !std::is_null_pointer_v<std::remove_cvref_t<EvalDataset>>;
    using Evaluated = std::conditional_t<evaluates, std::remove_reference_t<EvalDataset>, std::nullptr_t>;
    detail::check_options<Trainer, Dataset&, Evaluated>(options);
    detail::require_trainable(*this);
    if (!state_.activity.is_idle()) {
      refuse_call("train", state_.activity, "Call it when that is over, or train with another trainer.");
    }
    detail::RunScope scope(*this, state_.activity.trains,
                           detail::threads_for(*this, options.num_threads, train_set, options.batch_size()));
    try {
      detail::seed_run(*this, options, takes_seed<Dataset&>);
      start(*this);
      decltype(auto) train_batches = detail::train_loader(*this, train_set, detail::loader_options(*this, options));
      if constexpr (evaluates) {
        decltype(auto) eval_batches =
            detail::eval_loader(*this, eval_set, detail::eval_batch_size(options, train_batches));
        detail::run_training(*this, options, train_batches, &eval_batches);
      } else {
        detail::run_training(*this, options, train_batches, static_cast<std::nullptr_t*>(nullptr));
      }
    } catch (...) {
      scope.fail();
    }
    return state_.run.history_;
  }

  /// True if the loader of `Dataset` is made with a seed. A range of batches has its own order, so no seed is drawn.
  template <class Dataset>
  static constexpr bool takes_seed =
      overrides::create_train_dataloader::named<typename Traits::Overrides> || !YieldsBatches<Dataset>;

  detail::TrainerState<Traits> state_;
};

template <class Model, class Loss, class Optimizer, class... Settings>
Trainer(Model, Loss, Optimizer, Settings...) -> Trainer<Model, Loss, Optimizer, detail::AsPolicy<Settings>...>;

}  // namespace hone
