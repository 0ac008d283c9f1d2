// SPDX-License-Identifier: Apache-2.0
/// The trainer: for exactly one model, loss and optimizer, on exactly one kind of hardware, with exactly one set of
/// callbacks. What is not asked for is not there. The loop itself is in `train_loop.hpp`, a step of it in `step.hpp`.
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
#include "hone/step/merge_over_processes.hpp"
#include "hone/step/rank_zero.hpp"
#include "hone/step/step.hpp"
#include "hone/trainer/evaluate.hpp"
#include "hone/trainer/loaders.hpp"
#include "hone/trainer/predict.hpp"
#include "hone/trainer/refusal.hpp"
#include "hone/trainer/run_options.hpp"
#include "hone/trainer/train_loop.hpp"
#include "hone/trainer/trainer_state.hpp"
#include "hone/trainer/training_run.hpp"

namespace hone {

/// Trains a model.
///
/// `Policies` may hold, in any order: a policy for each slot (see `core/slots.hpp`), lists of `Callbacks<...>`, and one
/// type with overrides. A slot without a policy has a default that costs nothing.
///
/// **Errors** at compile time, one message, for types that make no trainer.
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

  /// `settings` are values for the policies, callbacks and overrides in the trainer's type, in any order; what is left
  /// out is default constructed. The model goes to the device, then the optimizer is bound to its parameters.
  template <class... Settings>
  explicit Trainer(Model model, Loss loss_function, Optimizer optimizer, Settings... settings)
      : state_{{Given<Settings...>(settings...), std::move(model), std::move(loss_function), std::move(optimizer)}} {
    static_assert(Given<Settings...>::template all_among<Policies...>());
    if constexpr (Traits::reduces) {  // for who asks for a stop before the first run
      state_.run.config_.num_processes = world_size();
      state_.run.config_.process_index = rank();
    }
    detail::dispatch(*this, InitEnd{{state_.run}});
  }
  Trainer(Trainer&&) = default;
  Trainer(const Trainer&) = delete;

  // ---------------------------------------------------------------------------------------------------------- runs

  /// Trains on a dataset held in tensors, an indexed dataset, or any range of batches.
  ///
  /// **Errors** `std::invalid_argument` for options out of range, `DataError` for data that does not fit; callbacks get
  /// them in `on_exception`. `std::logic_error` in a callback of this trainer. The weights are those of the last update.
  /// Modes, gradient mode and threads are as before the run, whatever happens.
  template <class Dataset>
  RunHistory train(Dataset&& train_set, const TrainOptions& options = {}) {
    return run_train(train_set, nullptr, options, from_the_beginning);
  }
  /// The same with an evaluation after each epoch. The evaluation set may be of another type than the training set.
  template <class Dataset, class EvalDataset>
    requires(!std::same_as<std::remove_cvref_t<EvalDataset>, TrainOptions>)
  RunHistory train(Dataset&& train_set, EvalDataset&& eval_set, const TrainOptions& options = {}) {
    return run_train(train_set, eval_set, options, from_the_beginning);
  }
  /// Continues a run exactly where it was saved: `source` is a training state, its file, a folder of such files (the newest
  /// counts), or what `latest_training_state` found. Without a state, trains from the beginning. Limits such as `num_epochs`
  /// are totals of all parts of the run. A `fast_dev_run` starts from the beginning.
  ///
  /// **Errors** those of `train`; `DataError` for a file without a training state, and for a state of another trainer.
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

  /// Evaluates, and returns a history with the mean loss over samples, `evaluation_loss`, and what callbacks recorded.
  /// The trainer's own history has those records too. May be called between the steps of a host's own loop and in the
  /// callbacks of a run, which continues as if nothing had happened.
  ///
  /// **Errors** `std::logic_error` inside of an evaluation.
  template <class Dataset>
  RunHistory evaluate(Dataset&& dataset, const EvaluateOptions& options = {}) {
    detail::check_evaluation<Trainer, Dataset>(options);
    return detail::evaluate(*this, dataset, options);
  }

  /// The model's outputs for every sample, in the order of the dataset: one tensor when the model returns tensors, else
  /// a vector with an element for each batch of this process. A target in a batch is not looked at. No output shares
  /// memory with a batch or with the model's buffers. May be called where `evaluate` may be.
  ///
  /// **Errors** `std::logic_error` inside of a prediction; `DataError` when an output tensor has no dimension or, but
  /// for the first dimension, another shape than that of the first batch; `StoppedError` when a callback stops the run
  /// before the last batch.
  template <class Dataset>
  auto predict(Dataset&& dataset, const EvaluateOptions& options = {}) {
    detail::check_evaluation<Trainer, Dataset>(options);
    return detail::predict(*this, dataset, options);
  }

  /// Opens a training run around a loop of the host's own: callbacks, limits, states and signals work as in `train`
  /// until the run ends. See `TrainingRun`.
  ///
  /// **Errors** `std::logic_error` inside of another run of this trainer.
  [[nodiscard]] auto begin_run(const RunOptions& options = {}) {
    return TrainingRun<Trainer, std::nullptr_t>(*this, nullptr, options, from_the_beginning);
  }
  /// The same with data to evaluate on after each epoch, and where a callback asks for it. It is referred to and has to
  /// outlive the run.
  template <class EvalDataset>
    requires(!std::same_as<EvalDataset, const RunOptions> && !std::same_as<EvalDataset, RunOptions>)
  [[nodiscard]] auto begin_run(EvalDataset& eval_set, const RunOptions& options = {}) {
    return TrainingRun<Trainer, EvalDataset>(*this, &eval_set, options, from_the_beginning);
  }
  /// Opens a run that continues where it was saved, as `resume` does. `run().epoch()` and `run().batch()` then say which
  /// batch is next.
  [[nodiscard]] auto resume_run(const ResumeFrom& source, const RunOptions& options = {}) {
    return TrainingRun<Trainer, std::nullptr_t>(*this, nullptr, options, from(source));
  }
  template <class EvalDataset>
    requires(!std::same_as<EvalDataset, const RunOptions> && !std::same_as<EvalDataset, RunOptions>)
  [[nodiscard]] auto resume_run(const ResumeFrom& source, EvalDataset& eval_set, const RunOptions& options = {}) {
    return TrainingRun<Trainer, EvalDataset>(*this, &eval_set, options, from(source));
  }

  // ------------------------------------------------------------------------------------- steps of a host's own loop

  /// One full training step with every policy: forward, loss, backward and, when a window of batches is complete, the
  /// update. Returns what the loss step returned. The model is in the mode that the caller gave it. Threads, denormal
  /// flags, gradient mode and number formats are as before when it returns or throws.
  ///
  /// Gradients that are there when a window begins, from another backward pass, are dropped.
  ///
  /// A stop that a callback asks for concerns this batch alone: `TerminateOnNaN` drops a batch whose loss is NaN, the
  /// next call trains again, and in between `run().stop_requested()` and `run().stop_reason()` say so. Callbacks that
  /// need a run with a beginning and an end work between `begin_run` and its `end`.
  ///
  /// **Errors** `std::logic_error` inside of a run of this trainer, and for a callback that needs a run.
  template <class Batch>
  auto step(Batch&& batch) {
    if (!state_.activity.is_idle()) [[unlikely]]
      refuse_call("step", state_.activity, "The run makes its own steps; one of begin_run has its own `step`.");
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

  /// Does the update of a window of batches that is not complete, with the mean over its true length. `step` needs it
  /// only when gradients are accumulated and the data ends early.
  void finish_window() {
    if (state_.step.window.empty()) return;
    [[maybe_unused]] const auto denormals = state_.parts.denormals.over_step();
    [[maybe_unused]] const auto precision = state_.parts.precision_scope();
    detail::with_device(*this, [&] { detail::finish_window(*this); });
  }

  /// Loss and outputs of one batch, in evaluation mode and without gradients.
  template <class Batch>
  auto evaluate_batch(Batch&& arrived) {
    return detail::evaluate_batch(*this, arrived);
  }

  /// The mean loss over the samples of the epoch, up to now; in a host's own loop, of all steps since
  /// `reset_mean_loss()` or the last run. NaN without samples. Collective; waits for the device.
  [[nodiscard]] double mean_loss() const { return state_.step.train_loss.mean(state_.parts.processes); }
  void reset_mean_loss() { state_.step.train_loss.reset(); }

  // ------------------------------------------------------------------- the loop's own functions, for overrides to call

  /// The batches of a dataset, of a range of batches, or of what a pointer points to; a range is passed on by
  /// reference.
  template <class Dataset>
  decltype(auto) create_train_dataloader(Dataset& dataset, const LoaderOptions& options) {
    return batches_of(dataset, options);
  }
  template <class Dataset>
  decltype(auto) create_eval_dataloader(Dataset& dataset, const LoaderOptions& options) {
    return batches_of(dataset, options);
  }
  /// Switches the model to training.
  void train_epoch_start() { set_training(state_.parts.model, true); }
  /// Switches the model to evaluation.
  void eval_epoch_start() { set_training(state_.parts.model, false); }
  /// Forward and loss of a batch, in the number format of the precision policy.
  template <class Batch>
  detail::LossStepOutput<Model, Loss, Batch> train_batch_loss(Batch& batch) {
    [[maybe_unused]] const auto region = state_.parts.precision.region(device());
    return batch_loss(state_.parts.model, state_.parts.loss, batch);
  }
  /// The same in an evaluation: forward and loss of a batch, without any override.
  template <class Batch>
  detail::LossStepOutput<Model, Loss, Batch> eval_batch_loss(Batch& batch) {
    return train_batch_loss(batch);
  }
  /// The model's outputs for a batch.
  template <class Batch>
  auto predict_batch(Batch& batch) {
    [[maybe_unused]] const auto region = state_.parts.precision.region(device());
    return std::apply([this](auto&... inputs) { return forward(state_.parts.model, inputs...); }, inputs_of(batch));
  }
  void backward(const at::Tensor& loss) { backward_or_explain(loss); }
  void optimizer_step() { detail::plain_optimizer_step(state_.parts); }
  /// Sets the learning rates, or what else the schedule drives, for the coming update.
  void scheduler_step() {
    if constexpr (Traits::has_schedule) {
      apply_schedule(state_.step.schedule, state_.parts.optimizer, state_.step.cursor.updates);
    }
  }
  void zero_grad() { Traits::Gradients::clear(state_.parts.optimizer); }

  // -------------------------------------------------------------------------------- checkpoints and training states

  /// Whether checkpoints can hold the optimizer's state. An optimizer that is known at run time only may still refuse.
  static constexpr bool saves_optimizer = detail::saves_optimizer<Traits>;

  /// A checkpoint as a dictionary, with the keys of pytorch-accelerated: `model_state_dict`, `optimizer_state_dict`,
  /// `scheduler_state_dict`. The tensors are the live ones: see `cloned`. Collective.
  ///
  /// **Errors** `std::logic_error` for an optimizer without a state; at compile time where no options are given.
  [[nodiscard]] Dict checkpoint(const CheckpointOptions& options) { return detail::make_checkpoint(*this, options); }
  [[nodiscard]] Dict checkpoint() {
    detail::require_savable<Traits>();
    return checkpoint(CheckpointOptions());
  }
  /// Writes a checkpoint that Python's `torch.load(path, weights_only=True)` opens. The file is there whole or not at
  /// all. Missing folders are made. Collective: rank 0 writes, and the file is there when the call returns.
  ///
  /// **Errors** `DataError`, in every process, when it cannot be written; the file that was there is untouched then.
  /// Those of `checkpoint`.
  void save_checkpoint(const std::filesystem::path& path, const CheckpointOptions& options) {
    detail::write_in_rank_zero(*this, path, checkpoint(options));
  }
  void save_checkpoint(const std::filesystem::path& path) { detail::write_in_rank_zero(*this, path, checkpoint()); }
  /// Loads a checkpoint of `save_checkpoint`, of pytorch-accelerated, or one with its keys, and returns all that it
  /// holds. The next run continues the schedule at the checkpoint's update; with `.load_scheduler = false` it starts
  /// the schedule from the beginning. Inside of a run, such as in `on_resume_point`, weights and optimizer are the
  /// checkpoint's, and the run's own schedule stays where it is.
  ///
  /// **Errors** `DataError` that lists everything that does not fit; nothing was changed then.
  Dict load_checkpoint(const std::filesystem::path& path, const LoadOptions& options = {}) {
    return detail::load_checkpoint(*this, path, options);
  }
  /// The same from a dictionary.
  void load_checkpoint(const Dict& state, const LoadOptions& options = {}) {
    detail::load_checkpoint(*this, state, options);
  }

  /// All that a run needs to continue exactly where it is: a checkpoint and the entry `training_state`, with the place
  /// in the data, the gradients of an open accumulation window, the states of random generators, the history, and what
  /// callbacks, policies and overrides with `serialize` remember. The tensors are the live ones: see `cloned`.
  ///
  /// Collective. In rank 0 it has what all processes differ in, and with it any number of processes can continue; in
  /// the others what that process needs.
  ///
  /// **Errors** `std::logic_error` within a run, anywhere but in `on_resume_point`.
  [[nodiscard]] Dict training_state(const Dict& extra = {}) { return detail::make_training_state(*this, extra); }
  /// Writes a training state, whole or not at all. Missing folders are made. Collective: rank 0 writes, and the file is
  /// there when the call returns.
  ///
  /// **Errors** as for `training_state` and `save_checkpoint`.
  void save_training_state(const std::filesystem::path& path, const Dict& extra = {}) {
    detail::write_in_rank_zero(*this, path, training_state(extra));
  }
  /// Restores everything, so that `step` continues as it would have. `train` begins a new run then; `resume`
  /// continues one.
  ///
  /// **Errors** `DataError` for a state of another trainer.
  void load_training_state(const Dict& state) { detail::load_training_state(*this, state); }
  /// The same from a file, or the newest in a folder. Collective.
  void load_training_state(const std::filesystem::path& path) { detail::load_training_state(*this, path); }
  /// Where the run stands, in the order of time.
  [[nodiscard]] TrainingPlace place() const { return {state_.run.num_epochs(), state_.run.num_updates()}; }

  // ---------------------------------------------------------------------------------------------------- components

  [[nodiscard]] Model& model() { return state_.parts.model; }
  [[nodiscard]] Loss& loss() { return state_.parts.loss; }
  [[nodiscard]] auto& optimizer() { return state_.parts.optimizer; }
  [[nodiscard]] auto& callbacks() { return state_.parts.callbacks; }
  [[nodiscard]] auto& overrides() {
    return state_.parts.overrides;
  }  ///< The struct with overrides, to read its results.
  [[nodiscard]] const auto& overrides() const { return state_.parts.overrides; }
  [[nodiscard]] auto& accumulation() { return state_.parts.accumulation; }
  [[nodiscard]] auto& clipping() { return state_.parts.clipping; }
  [[nodiscard]] auto& execution() { return state_.parts.execution; }
  [[nodiscard]] auto& splitting() { return state_.parts.splitting; }
  [[nodiscard]] auto& precision() { return state_.parts.precision; }
  [[nodiscard]] c10::Device device() const { return state_.parts.device.device(); }
  [[nodiscard]] Run& run() { return state_.run; }  ///< Lets an override or a host ask for a stop.
  [[nodiscard]] const Run& run() const { return state_.run; }
  [[nodiscard]] RunHistory& run_history() { return state_.run.history(); }

  /// Whether the learning rates belong to a schedule.
  static constexpr bool schedule_drives_lr = drives_lr<typename Traits::Schedule>;
  [[nodiscard]] auto& schedule() { return state_.parts.schedule; }  ///< What the next run follows.
  /// The schedule with the run's facts filled in.
  [[nodiscard]] const auto& active_schedule() const { return state_.step.schedule; }
  /// Updates since the schedule began: its value for this one is in force.
  [[nodiscard]] std::int64_t scheduled_updates() const {
    const auto& cursor = state_.step.cursor;
    return cursor.started ? cursor.updates : cursor.continued;
  }
  /// The next run starts the schedule from the beginning, also after a checkpoint was loaded.
  void restart_schedule() {
    state_.step.cursor.continued = 0;
    state_.step.cursor.started = false;
  }

  // ----------------------------------------------------------------------------------------------------- processes

  [[nodiscard]] auto& processes() { return state_.parts.processes; }
  [[nodiscard]] int rank() const { return state_.parts.processes.rank(); }
  [[nodiscard]] int world_size() const { return state_.parts.processes.world_size(); }
  /// The share of a dataset that is this process's, for a loader that the trainer does not make.
  [[nodiscard]] DataShare data_share() const { return {rank(), world_size()}; }

  /// The rows of all processes, in the order of ranks, in each of them, in memory that they share with nothing.
  /// Collective.
  ///
  /// **Shapes** those of a process may differ from the others' in the first dimension, which may be 0.
  [[nodiscard]] at::Tensor gather(const at::Tensor& rows) {
    const at::Tensor own = rows.dim() == 0 ? rows.reshape({1}) : rows;
    if constexpr (Traits::reduces) {
      return at::cat(processes().gather(own));
    } else {
      return own.clone();
    }
  }
  /// Makes each of `numbers`, in every process, its sum over all of them. Collective. With one process, nothing.
  void sum_over_processes([[maybe_unused]] std::span<double> numbers) {
    if constexpr (Traits::reduces) {
      processes().begin_exchange(numbers);
      const auto sums = processes().end_exchange();
      std::copy(sums.begin(), sums.end(), numbers.begin());
    }
  }
  /// Makes `thing` what those of all processes are when they are merged; see `hone::merge_over_processes`. Collective.
  void merge_over_processes([[maybe_unused]] auto& thing) {
    if constexpr (Traits::reduces) hone::merge_over_processes(processes(), thing);
  }
  /// What `f` returns or throws, called in the one process that prints and writes files, in all of them; see
  /// `hone::in_rank_zero`. Collective. With one process, a call.
  template <class F>
  auto in_rank_zero(F&& f) {
    return hone::in_rank_zero(processes(), f);
  }
  /// Prints a line on standard output, once, however many processes train. In a callback: `print_once`.
  void print(std::string_view line) const {
    if (rank() == 0) detail::put(stdout, std::string(line) + "\n");
  }
  /// Dispatches an event of the user's own to the callbacks that have `on_event` for it.
  template <class E>
  void tell(const E& event) {
    if constexpr (Traits::Callbacks::template relays<E>) {
      if (!state_.is_silent) state_.parts.callbacks.tell(event);
    }
  }

 private:
  friend struct detail::Internals;

  /// Where a run starts. The code that restores a trainer is in programs that resume alone.
  static void from_the_beginning(Trainer& trainer) { detail::set_no_resume_source(trainer); }
  static auto from(const ResumeFrom& source, bool is_trial = false) {
    return [&source, is_trial](Trainer& trainer) {
      if (!is_trial) detail::set_resume_source(trainer, source);
    };
  }

  /// Makes the loaders and runs the loop. Without an evaluation, `eval_set` is a null pointer constant.
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

  /// Whether the batches of `Dataset` are made with a seed. A range of batches has its own order, and a run over one
  /// draws no random numbers itself.
  template <class Dataset>
  static constexpr bool takes_seed =
      overrides::create_train_dataloader::named<typename Traits::Overrides> || !HandsOutBatches<Dataset>;

  detail::TrainerState<Traits> state_;
};

template <class Model, class Loss, class Optimizer, class... Settings>
Trainer(Model, Loss, Optimizer, Settings...) -> Trainer<Model, Loss, Optimizer, detail::StandsFor<Settings>...>;

}  // namespace hone
