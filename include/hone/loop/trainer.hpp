// SPDX-License-Identifier: Apache-2.0
/// The training loop: for exactly one model, loss and optimizer, on exactly one kind of hardware, with exactly one set
/// of callbacks. What is not asked for is not there.
#pragma once

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/cat.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/callbacks/callback_set.hpp"
#include "hone/core/type_name.hpp"
#include "hone/data/loader.hpp"
#include "hone/loop/batch_loss.hpp"
#include "hone/loop/guards.hpp"
#include "hone/loop/loss_tracker.hpp"
#include "hone/loop/model.hpp"
#include "hone/loop/parts.hpp"
#include "hone/loop/refusal.hpp"
#include "hone/loop/run_options.hpp"
#include "hone/optim/optimizer.hpp"
#include "hone/policies/accumulation.hpp"
#include "hone/policies/clipping.hpp"
#include "hone/policies/device.hpp"
#include "hone/policies/distribution.hpp"
#include "hone/policies/execution.hpp"
#include "hone/policies/precision.hpp"
#include "hone/policies/transfer.hpp"
#include "hone/schedule/schedule.hpp"

namespace hone {

/// Trains a model.
///
/// `Policies` may hold, in any order: an answer for each slot (see `core/slots.hpp`), lists of `Callbacks<...>`, and one
/// type with overrides. A slot without an answer has a default that costs nothing.
///
/// **Errors** at compile time, one sentence, for types that make no trainer.
/// **Example**
/// ```
/// auto trainer = hone::Trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, hone::ProgressBar{}};
/// auto history = trainer.train(train_set, {.num_epochs = 8, .eval_dataset = eval_set, .per_device_batch_size = 32});
/// ```
template <class Model, class Loss, class Optimizer, class... Policies>
  requires Composable<Model, Loss, Optimizer, Policies...>
class Trainer<Model, Loss, Optimizer, Policies...> {
 public:
  using DeviceType = AnswerTo<slots::Device, Cpu, Policies...>;
  using PrecisionType = AnswerTo<slots::Precision, Fp32, Policies...>;
  using DistributionType = AnswerTo<slots::Distribution, SingleProcess, Policies...>;
  using AccumulationType = AnswerTo<slots::Accumulation, GradAccum<1>, Policies...>;
  using ClippingType = AnswerTo<slots::Clipping, NoClip, Policies...>;
  using ScheduleType = AnswerTo<slots::Schedule, NoSchedule, Policies...>;
  using TransferType = AnswerTo<slots::Transfer, Direct, Policies...>;
  using ExecutionType = AnswerTo<slots::Execution, Eager, Policies...>;
  using CallbacksType = CallbacksAmong<Policies...>;
  using OverridesType = OverridesAmong<Policies...>;
  using OptimizerType = BoundOptimizer<Optimizer>;

  /// `settings` are values for the policies, callbacks and overrides in the trainer's type, in any order; what is left
  /// out is default constructed. The model goes to the device, then the optimizer is bound to its parameters.
  template <class... Settings>
  explicit Trainer(Model model, Loss loss, Optimizer optimizer, Settings... settings)
      : Trainer(Given<Settings...>(settings...), std::move(model), std::move(loss), std::move(optimizer)) {}

  Trainer(Trainer&&) = default;
  Trainer(const Trainer&) = delete;

  // ------------------------------------------------------------------------------------------------------------ runs

  /// Trains on a dataset held in tensors, an indexed dataset, or any range of batches; evaluates after each epoch when
  /// there is something to evaluate on.
  ///
  /// **Errors** `std::invalid_argument` for options out of range, `DataError` for data that does not fit; what a
  /// callback hears of them is `on_exception`. The weights are those of the last update. Modes, gradient mode and
  /// threads are as before the run, whatever happens.
  template <class Dataset, class EvalDataset = std::remove_cvref_t<Dataset>>
  RunHistory train(Dataset&& dataset, const TrainOptions<EvalDataset>& options = {}) {
    options.check();
    return guarded_run(Phase::train, options.num_threads, [&] {
      if (options.seed) at::manual_seed(*options.seed);
      decltype(auto) train_batches = train_loader(dataset, options);
      if (options.eval_dataset) {
        decltype(auto) eval_batches = eval_loader(*options.eval_dataset, options.eval_batch_size());
        run_training(options, train_batches, &eval_batches);
      } else {
        run_training(options, train_batches, nullptr);
      }
    });
  }

  /// Evaluates: the mean loss over samples is recorded as `evaluation_loss`. The history starts anew.
  template <class Dataset>
  RunHistory evaluate(Dataset&& dataset, const EvaluateOptions& options = {}) {
    options.check();
    return guarded_run(Phase::evaluation, options.num_threads, [&] {
      decltype(auto) batches = eval_loader(dataset, options.per_device_batch_size);
      run_evaluation(options, batches);
    });
  }

  /// The model's outputs for every sample, in the order of the dataset: one tensor when the model returns tensors, else
  /// a vector with an element for each batch. A target in a batch is not looked at.
  template <class Dataset>
  auto predict(Dataset&& dataset, const EvaluateOptions& options = {}) {
    options.check();
    decltype(auto) batches = eval_loader(dataset, options.per_device_batch_size);
    using Arrived = std::remove_reference_t<decltype(*transfer_.over(batches, device_).begin())>;
    using Moved = std::remove_reference_t<decltype(device_.move(std::declval<Arrived&>()))>;
    std::vector<decltype(outputs_of(std::declval<Moved&>()))> outputs;
    guarded_run(Phase::predict, options.num_threads, [&] { run_prediction(options, batches, outputs); });
    if constexpr (std::is_same_v<decltype(outputs), std::vector<at::Tensor>>) {
      return at::cat(outputs);
    } else {
      return outputs;
    }
  }

  // ----------------------------------------------------------------------------- for programs that own their loop

  /// One full training step with every policy: forward, loss, backward and, when a window of batches is complete, the
  /// update. Returns what the loss step returned. The model is in the mode that the caller gave it.
  template <class Batch>
  auto step(Batch&& batch) {
    const at::AutoGradMode gradients(true);
    if constexpr (has_schedule) {
      if (scheduled_updates_ == 0 && window_ == 0) start_schedule(RunLength{});
    }
    return train_step(batch, /*is_last=*/false);
  }

  /// Does the update of a window of batches that is not complete, with the mean over its true length. `step` needs it
  /// only when gradients are accumulated and the data ends early.
  void finish_window() {
    if (window_ > 0) update();
  }

  /// Loss and outputs of one batch, in evaluation mode and without gradients.
  template <class Batch>
  auto evaluate_batch(Batch&& arrived) {
    const ModeGuard mode(model_);
    const at::NoGradGuard no_gradients;
    set_training(model_, false);
    auto&& batch = device_.move(arrived);
    return eval_output(batch);
  }

  /// Tells an event of the user's own to the callbacks that have `on_event` for it.
  template <class E>
  void tell(const E& event) {
    if constexpr (CallbacksType::template relays<E>) callbacks_.tell(event);
  }

  // ------------------------------------------------------------------- the loop's own steps, for overrides to call

  /// The batches of a dataset, of a range of batches, or of what a pointer points to; a range is passed on by reference.
  template <class Dataset>
  decltype(auto) create_train_dataloader(Dataset& dataset, const LoaderOptions& options) {
    return batches_of(dataset, options);
  }
  template <class Dataset>
  decltype(auto) create_eval_dataloader(Dataset& dataset, const LoaderOptions& options) {
    return batches_of(dataset, options);
  }
  /// Switches the model to training.
  void train_epoch_start() { set_training(model_, true); }
  /// Switches the model to evaluation.
  void eval_epoch_start() { set_training(model_, false); }
  /// Forward and loss of a batch, in the number format of the precision policy.
  template <class Batch>
  BatchOutputOf<Model, Batch> train_batch_loss(Batch& batch) {
    [[maybe_unused]] const auto region = precision_.region(device_.device());
    return batch_loss(model_, loss_, batch);
  }
  /// The loss step of training: the user's own where there is one.
  template <class Batch>
  auto eval_batch_loss(Batch& batch) {
    return own_or<overrides::train_batch_loss>([this](auto& b) { return this->train_batch_loss(b); }, batch);
  }
  /// The model's outputs for a batch.
  template <class Batch>
  auto predict_batch(Batch& batch) {
    [[maybe_unused]] const auto region = precision_.region(device_.device());
    return with_inputs(batch, [this](auto&... inputs) { return forward_or_explain(model_, inputs...); });
  }
  void backward(const at::Tensor& loss) { loss.backward(); }
  void optimizer_step() {
    if constexpr (ScalesLoss<PrecisionType>) {
      precision_.update(optimizer_);
    } else {
      optimizer_.step();
    }
  }
  /// Sets the learning rates of the coming update.
  void scheduler_step() {
    if constexpr (has_schedule) {
      for (std::size_t group = 0; group < optimizer_.num_groups(); ++group) {
        optimizer_.set_lr(group, active_schedule_(optimizer_.base_lr(group), scheduled_updates_));
      }
    }
  }
  void zero_grad() { optimizer_.zero_grad(); }

  // --------------------------------------------------------------------------------------------------------- parts

  [[nodiscard]] Model& model() { return model_; }
  [[nodiscard]] Loss& loss() { return loss_; }
  [[nodiscard]] OptimizerType& optimizer() { return optimizer_; }
  [[nodiscard]] CallbacksType& callbacks() { return callbacks_; }
  [[nodiscard]] ScheduleType& schedule() { return schedule_; }  ///< What the next run will follow.
  [[nodiscard]] Run& run() { return run_; }  ///< Lets an override or a host ask for a stop.
  [[nodiscard]] const Run& run() const { return run_; }
  [[nodiscard]] RunHistory& run_history() { return run_.history_; }

 private:
  static constexpr bool has_schedule = Schedule<ScheduleType>;
  static constexpr bool accumulates = !UpdatesEveryBatch<AccumulationType>;

  template <class... Settings>
  Trainer(const Given<Settings...>& given, Model model, Loss loss, Optimizer optimizer)
      : model_(std::move(model)),
        loss_(std::move(loss)),
        device_(given.template take<DeviceType>()),
        precision_(given.template take<PrecisionType>()),
        processes_(given.template take<DistributionType>()),
        accumulation_(given.template take<AccumulationType>()),
        clipping_(given.template take<ClippingType>()),
        schedule_(given.template take<ScheduleType>()),
        transfer_(given.template take<TransferType>()),
        execution_(given.template take<ExecutionType>()),
        overrides_(given.template take<OverridesType>()),
        callbacks_(given.callbacks(std::type_identity<CallbacksType>{})),
        optimizer_(bound(std::move(optimizer))),
        active_schedule_(schedule_) {
    static_assert(Given<Settings...>::template all_among<Policies...>());
    if constexpr (ReducesGradients<DistributionType>) processes_.prepare(optimizer_.parameters());
    announce(InitEnd{{run_}});
  }

  OptimizerType bound(Optimizer&& optimizer) {
    move_to(model_, device_.device());
    move_to(loss_, device_.device());
    return bind(std::move(optimizer), named_parameters(pointee(model_)));
  }

  // ------------------------------------------------------------------------------------------------------ the loop

  template <class Options, class TrainBatches, class EvalBatches>
  void run_training(const Options& options, TrainBatches& train_batches, EvalBatches eval_batches) {
    if (options.reset_run_history) run_.history_.reset();
    begin_run(Phase::train, training_config(options, train_batches, eval_batches));
    drop_window();
    start_schedule({.num_updates = run_.config_.num_update_steps().value_or(0),
                    .num_updates_per_epoch = run_.config_.num_update_steps_per_epoch.value_or(0),
                    .num_epochs = options.num_epochs});
    own_or<overrides::training_run_start>([] {});
    announce(TrainingRunStart{{run_}});
    for (std::int64_t epoch = 0; epoch < options.num_epochs && !is_over(); ++epoch) {
      run_train_epoch(train_batches);
      if constexpr (!std::is_null_pointer_v<EvalBatches>) {
        if (!run_.stop_requested()) run_eval_epoch(*eval_batches, Phase::eval, "eval_loss_epoch");
      }
      own_or<overrides::training_run_epoch_end>([] {});
      announce(TrainingRunEpochEnd{{run_}});
      run_.history_.increment_epoch();
    }
    announce_stop();
    own_or<overrides::training_run_end>([] {});
    announce(TrainingRunEnd{{run_}});
  }

  template <class Batches>
  void run_train_epoch(Batches& batches) {
    begin_epoch(Phase::train, run_.config_.num_train_batches_per_epoch);
    own_or<overrides::train_epoch_start>([this] { train_epoch_start(); });
    train_loss_.reset();
    announce(TrainEpochStart{{run_}});
    set_epoch(batches, run_.epoch() - 1);
    if (!run_.stop_requested()) {
      for (auto&& batch : transfer_.over(batches, device_)) {
        train_step(batch, is_last_batch());
        if (is_epoch_over() || (window_ == 0 && is_over())) break;
      }
      finish_window();
      require_batches();
    }
    own_or<overrides::train_epoch_end>([] {});
    const double loss = train_loss_.mean(processes_);
    if (run_.step_ > 0) run_.history_.record("train_loss_epoch", loss, Phase::train);
    announce(TrainEpochEnd{{run_}, loss});
  }

  template <class Batches>
  void run_eval_epoch(Batches& batches, Phase phase, std::string_view metric) {
    const at::NoGradGuard no_gradients;
    begin_epoch(phase, run_.config_.num_eval_batches_per_epoch);
    own_or<overrides::eval_epoch_start>([this] { eval_epoch_start(); });
    eval_loss_.reset();
    announce(EvalEpochStart{{run_}});
    for (auto&& arrived : transfer_.over(batches, device_)) {
      auto&& batch = device_.move(arrived);
      announce(EvalStepStart{{run_}}, WithBatch{batch});
      const auto output = eval_output(batch);
      eval_loss_.add(output.loss, output.batch_size);
      announce(EvalStepEnd{{run_}}, WithBatch{batch}, WithOutput{output});
      ++run_.step_;
      if (is_epoch_over() || run_.stop_requested()) break;
    }
    require_batches();
    own_or<overrides::eval_epoch_end>([] {});
    const double loss = eval_loss_.mean(processes_);
    run_.history_.record(metric, loss, phase);
    announce(EvalEpochEnd{{run_}, loss});
  }

  template <class Batches>
  void run_evaluation(const EvaluateOptions& options, Batches& batches) {
    run_.history_.reset();
    begin_run(Phase::evaluation, evaluation_config(options, batches, Phase::evaluation));
    own_or<overrides::evaluation_run_start>([] {});
    announce(EvaluationRunStart{{run_}});
    run_eval_epoch(batches, Phase::evaluation, "evaluation_loss");
    announce_stop();
    own_or<overrides::evaluation_run_end>([] {});
    announce(EvaluationRunEnd{{run_}});
  }

  template <class Batches, class Outputs>
  void run_prediction(const EvaluateOptions& options, Batches& batches, std::vector<Outputs>& outputs) {
    const at::NoGradGuard no_gradients;
    begin_run(Phase::predict, evaluation_config(options, batches, Phase::predict));
    begin_epoch(Phase::predict, run_.config_.num_eval_batches_per_epoch);
    set_training(model_, false);
    announce(PredictRunStart{{run_}});
    for (auto&& arrived : transfer_.over(batches, device_)) {
      auto&& batch = device_.move(arrived);
      announce(PredictStepStart{{run_}}, WithBatch{batch});
      outputs.push_back(outputs_of(batch));
      announce(PredictStepEnd{{run_}}, WithBatch{batch}, WithOutputs{outputs.back()});
      ++run_.step_;
      if (is_epoch_over() || run_.stop_requested()) break;
    }
    require_batches();
    announce_stop();
    announce(PredictRunEnd{{run_}});
  }

  // ------------------------------------------------------------------------------------------------------ the step

  template <class Batch>
  auto train_step(Batch& arrived, bool is_last) {
    auto&& batch = device_.move(arrived);
    announce(TrainStepStart{{run_}}, WithBatch{batch});
    auto output = execution_.run([&](auto& input) { return learn_from(input, is_last); }, batch);
    announce(TrainStepEnd{{run_}}, WithBatch{batch}, WithOutput{output});
    ++run_.step_;
    return output;
  }

  template <class Batch>
  auto learn_from(Batch& batch, bool is_last) {
    const bool update_follows = !accumulates || is_last || window_ + 1 == accumulation_.steps();
    if constexpr (ReducesGradients<DistributionType>) processes_.before_forward(update_follows);
    auto output = own_or<overrides::train_batch_loss>([this](auto& b) { return this->train_batch_loss(b); }, batch);
    train_loss_.add(output.loss, output.batch_size);
    announce(TrainLoss{{run_}}, WithBatch{batch}, WithOutput{output});
    if (run_.stop_ == Run::Stop::before_update) [[unlikely]] {
      drop_window();
    } else {
      backward_share(output.loss);
      if constexpr (ReducesGradients<DistributionType>) processes_.after_backward(update_follows);
      ++window_;
      if (update_follows) update();
    }
    return output;
  }

  /// Backward of a batch's share of the mean over a full window.
  void backward_share(const at::Tensor& loss) {
    const auto standard = [this](const at::Tensor& value) { backward(value); };
    if constexpr (accumulates || ScalesLoss<PrecisionType>) {
      at::Tensor share = accumulation_.steps() == 1 ? loss : loss / accumulation_.steps();
      if constexpr (ScalesLoss<PrecisionType>) share = precision_.scale(share);
      own_or<overrides::backward>(standard, share);
    } else {
      own_or<overrides::backward>(standard, loss);
    }
  }

  void update() {
    if constexpr (ScalesLoss<PrecisionType>) precision_.unscale(optimizer_.collect_gradients());
    if constexpr (accumulates) stretch_short_window();
    window_ = 0;
    clip();
    if (run_.stop_ == Run::Stop::before_update) [[unlikely]] return drop_window();
    own_or<overrides::optimizer_step>([this] { optimizer_step(); });
    ++run_.num_updates_;
    if constexpr (has_schedule) ++scheduled_updates_;
    run_.history_.set_num_updates(run_.history_.num_updates() + 1);
    own_or<overrides::scheduler_step>([this] { scheduler_step(); });
    own_or<overrides::zero_grad>([this] { zero_grad(); });
    announce(OptimizerStep{{run_}});
  }

  /// Makes the gradients of a window that ended early the mean over its true length.
  void stretch_short_window() {
    if (window_ == accumulation_.steps()) return;
    const at::NoGradGuard no_gradients;
    at::_foreach_mul_(optimizer_.collect_gradients(),
                      static_cast<double>(accumulation_.steps()) / static_cast<double>(window_));
  }

  void clip() {
    if constexpr (ClipPolicy<ClippingType>) {
      const at::NoGradGuard no_gradients;
      if (const auto gradients = optimizer_.collect_gradients(); !gradients.empty()) {
        if constexpr (std::is_void_v<decltype(clipping_.clip(gradients))>) {
          clipping_.clip(gradients);
          announce(BeforeOptimizerStep{{run_}});
        } else {
          const auto clipped = clipping_.clip(gradients);
          announce(BeforeOptimizerStep{{run_}}, WithClipped{clipped});
        }
      }
    } else {
      announce(BeforeOptimizerStep{{run_}});
    }
  }

  void drop_window() {
    window_ = 0;
    zero_grad();
  }

  template <class Batch>
  auto eval_output(Batch& batch) {
    return own_or<overrides::eval_batch_loss>([this](auto& b) { return this->eval_batch_loss(b); }, batch);
  }

  template <class Batch>
  auto outputs_of(Batch& batch) {
    return own_or<overrides::predict_batch>([this](auto& b) { return this->predict_batch(b); }, batch);
  }

  // ------------------------------------------------------------------------------------------ beginnings and ends

  /// Does what `run` says, and leaves modes, gradient mode and threads as they were.
  template <class F>
  RunHistory guarded_run(Phase phase, int num_threads, F&& run) {
    const ModeGuard mode(model_);
    const ThreadGuard threads(num_threads);
    const at::AutoGradMode gradients(true);
    try {
      run();
    } catch (...) {
      if (phase == Phase::train) drop_window();  // else a window may be open that belongs to the host's own loop
      announce(ExceptionThrown{{run_}, std::current_exception()});
      throw;
    }
    return run_.history_;
  }

  void begin_run(Phase phase, RunConfig config) {
    config.gradient_accumulation_steps = accumulation_.steps();
    config.num_threads = at::get_num_threads();
    config.num_processes = processes_.world_size();
    config.process_index = processes_.rank();
    config.device = device_.device().str();
    config.precision = type_name<PrecisionType>();
    run_.begin(phase, std::move(config));
    max_updates_ = run_.config_.max_num_train_steps.value_or(std::numeric_limits<std::int64_t>::max());
  }

  void begin_epoch(Phase phase, std::optional<std::int64_t> num_batches) { run_.begin_epoch(phase, num_batches); }

  void start_schedule(const RunLength& length) {
    if constexpr (has_schedule) {
      active_schedule_ = resolve_schedule(schedule_, length);
      scheduled_updates_ = 0;
      scheduler_step();
    }
  }

  template <class Options, class TrainBatches, class EvalBatches>
  RunConfig training_config(const Options& options, TrainBatches& train_batches, EvalBatches eval_batches) {
    RunConfig config;
    config.num_epochs = options.num_epochs;
    config.train_per_device_batch_size = options.per_device_batch_size;
    config.eval_per_device_batch_size = options.eval_batch_size();
    config.num_train_batches_per_epoch = limited(batch_count(train_batches), Phase::train);
    config.max_num_train_steps = options.max_num_train_steps;
    config.seed = options.seed;
    if constexpr (!std::is_null_pointer_v<EvalBatches>) {
      config.num_eval_batches_per_epoch = limited(batch_count(*eval_batches), Phase::eval);
    }
    if (config.num_train_batches_per_epoch) {
      config.num_update_steps_per_epoch =
          (*config.num_train_batches_per_epoch + accumulation_.steps() - 1) / accumulation_.steps();
    }
    return config;
  }

  template <class Batches>
  RunConfig evaluation_config(const EvaluateOptions& options, Batches& batches, Phase phase) {
    RunConfig config;
    config.num_epochs = 1;
    config.eval_per_device_batch_size = options.per_device_batch_size;
    config.num_eval_batches_per_epoch = limited(batch_count(batches), phase);
    return config;
  }

  /// The number of batches of an epoch after the callbacks' limits. The limit itself where the range has no length.
  std::optional<std::int64_t> limited(std::optional<std::int64_t> num_batches, Phase phase) const {
    const auto limit = callbacks_.batch_limit(phase);
    if (!num_batches || !limit) return num_batches ? num_batches : limit;
    return std::min(*num_batches, *limit);
  }

  template <class Dataset, class Options>
  decltype(auto) train_loader(Dataset& dataset, const Options& options) {
    const LoaderOptions loader{.batch_size = options.per_device_batch_size,
                               .shuffle = options.shuffle,
                               .drop_last = options.drop_last,
                               .seed = options.seed ? *options.seed : drawn_seed()};
    return own_or<overrides::create_train_dataloader>(
        [this](auto& set, auto& how) -> decltype(auto) { return this->create_train_dataloader(set, how); }, dataset, loader);
  }

  template <class Dataset>
  decltype(auto) eval_loader(Dataset& dataset, std::int64_t batch_size) {
    const LoaderOptions loader{.batch_size = batch_size};
    return own_or<overrides::create_eval_dataloader>(
        [this](auto& set, auto& how) -> decltype(auto) { return this->create_eval_dataloader(set, how); }, dataset, loader);
  }

  /// True when the batch at hand is known to be the last of its epoch.
  [[nodiscard]] bool is_last_batch() const { return run_.num_batches_ && run_.step_ + 1 == *run_.num_batches_; }
  /// True when no batch of the epoch is left. A range without length says so itself.
  [[nodiscard]] bool is_epoch_over() const { return run_.num_batches_ && run_.step_ >= *run_.num_batches_; }
  [[nodiscard]] bool is_over() const { return run_.stop_requested() || run_.num_updates_ >= max_updates_; }

  void require_batches() const {
    if (run_.step_ > 0) return;
    throw DataError(fmt::format("The loader gave no batch in epoch {} ({}). Give it data; a range that can be walked "
                                "through only once lasts for one epoch.",
                                run_.epoch(), to_string(run_.phase_)));
  }

  void announce_stop() {
    if (run_.stop_requested()) {
      run_.history_.set_stop_reason(run_.reason_);
      announce(StopTraining{{run_}});
    } else if (run_.num_updates_ >= max_updates_) {
      run_.history_.set_stop_reason(fmt::format("Reached max_num_train_steps = {}", max_updates_));
    }
  }

  /// Tells an event of the loop, with the trainer and what else is at hand, to the callbacks that hear it. Where none
  /// does, nothing is left of the call.
  template <class E, class... Facets>
  void announce(const E& event, const Facets&... facets) {
    using Extended = Told<E, WithTrainer<Trainer>, Facets...>;
    if constexpr (CallbacksType::template relays<Extended>) callbacks_.tell(Extended{event, {*this}, facets...});
  }

  /// Calls the user's own step where there is one, else the loop's.
  template <class Point, class Standard, class... Args>
  decltype(auto) own_or(Standard&& standard, Args&... args) {
    static_assert(checked_override<Point, OverridesType, Trainer, Args...>);
    if constexpr (has_override<Point, OverridesType, Trainer, Args...>) {
      return Point::call(overrides_, *this, args...);
    } else {
      return standard(args...);
    }
  }

  Model model_;
  Loss loss_;
  [[no_unique_address]] DeviceType device_;
  [[no_unique_address]] PrecisionType precision_;
  [[no_unique_address]] DistributionType processes_;
  [[no_unique_address]] AccumulationType accumulation_;
  [[no_unique_address]] ClippingType clipping_;
  [[no_unique_address]] ScheduleType schedule_;
  [[no_unique_address]] TransferType transfer_;
  [[no_unique_address]] ExecutionType execution_;
  [[no_unique_address]] OverridesType overrides_;
  [[no_unique_address]] CallbacksType callbacks_;
  OptimizerType optimizer_;
  [[no_unique_address]] ScheduleType active_schedule_;  ///< Resolved for the run.

  Run run_;
  LossTracker<DeviceType> train_loss_, eval_loss_;
  std::int64_t window_ = 0;             ///< Batches whose gradients wait for an update.
  std::int64_t scheduled_updates_ = 0;  ///< Updates since the schedule began.
  std::int64_t max_updates_ = std::numeric_limits<std::int64_t>::max();
};

template <class Model, class Loss, class Optimizer, class... Settings>
Trainer(Model, Loss, Optimizer, Settings...) -> Trainer<Model, Loss, Optimizer, detail::StandsFor<Settings>...>;

}  // namespace hone
