// SPDX-License-Identifier: Apache-2.0
/// The training loop: for exactly one model, loss and optimizer, on exactly one kind of hardware, with exactly one set
/// of callbacks. What is not asked for is not there.
#pragma once

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <ranges>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/type_name.hpp"
#include "hone/data/loader.hpp"
#include "hone/loop/agreement.hpp"
#include "hone/loop/environment.hpp"
#include "hone/loop/guards.hpp"
#include "hone/loop/loss_tracker.hpp"
#include "hone/loop/model.hpp"
#include "hone/loop/refusal.hpp"
#include "hone/loop/resumable.hpp"
#include "hone/loop/run_options.hpp"
#include "hone/loop/run_setup.hpp"

namespace hone {

/// Trains a model.
///
/// `Policies` may hold, in any order: an answer for each slot (see `core/slots.hpp`), lists of `Callbacks<...>`, and
/// one type with overrides. A slot without an answer has a default that costs nothing.
///
/// **Errors** at compile time, one sentence, for types that make no trainer.
/// **Example**
/// ```
/// auto trainer = hone::Trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, hone::ProgressBar{}};
/// auto history = trainer.train(train_set, {.num_epochs = 8, .eval_dataset = eval_set, .per_device_batch_size = 32});
/// ```
template <class Model, class Loss, class Optimizer, class... Policies>
  requires Composable<Model, Loss, Optimizer, Policies...>
class Trainer<Model, Loss, Optimizer, Policies...>
    : public Resumable<Trainer<Model, Loss, Optimizer, Policies...>, Model, Loss, Optimizer, Policies...> {
  using Step = Resumable<Trainer, Model, Loss, Optimizer, Policies...>;

 public:
  /// `settings` are values for the policies, callbacks and overrides in the trainer's type, in any order; what is left
  /// out is default constructed. The model goes to the device, then the optimizer is bound to its parameters.
  template <class... Settings>
  explicit Trainer(Model model, Loss loss_function, Optimizer optimizer, Settings... settings)
      : Step(Given<Settings...>(settings...), std::move(model), std::move(loss_function), std::move(optimizer)) {
    announce(InitEnd{{run_}});
  }

  Trainer(Trainer&&) = default;
  Trainer(const Trainer&) = delete;

  /// Trains on a dataset held in tensors, an indexed dataset, or any range of batches; evaluates after each epoch when
  /// there is something to evaluate on.
  ///
  /// **Errors** `std::invalid_argument` for options out of range, `DataError` for data that does not fit; what a
  /// callback hears of them is `on_exception`. The weights are those of the last update. Modes, gradient mode and
  /// threads are as before the run, whatever happens.
  template <class Dataset, class EvalDataset = std::remove_cvref_t<Dataset>, class For = Trainer>
  RunHistory train(Dataset&& dataset, const TrainOptions<EvalDataset, For>& options = {}) {
    options.check();
    return guarded_run(Phase::train, options.num_threads, [&] {
      if (options.seed) at::manual_seed(*options.seed);
      loader_seed_ = options.seed ? *options.seed : drawn_seed();
      if (options.fast_dev_run == 0) this->resume_from(options.resume_from);
      decltype(auto) train_batches = train_loader(dataset, options);
      if (options.eval_dataset) {
        decltype(auto) eval_batches =
            eval_loader(*options.eval_dataset, options.eval_per_device_batch_size, options.per_device_batch_size);
        run_training(options, train_batches, eval_batches);
      } else {
        run_training(options, train_batches, no_batches);
      }
    });
  }

  /// Evaluates: the mean loss over samples is recorded as `evaluation_loss`. The history starts anew.
  template <class Dataset>
  RunHistory evaluate(Dataset&& dataset, const EvaluateOptions& options = {}) {
    options.check();
    return guarded_run(Phase::evaluation, options.num_threads, [&] {
      decltype(auto) batches = eval_loader(dataset, options.per_device_batch_size, options.batch_size());
      run_evaluation(options, batches);
    });
  }

  /// The model's outputs for every sample, in the order of the dataset: one tensor when the model returns tensors, else
  /// a vector with an element for each batch. A target in a batch is not looked at.
  template <class Dataset>
  auto predict(Dataset&& dataset, const EvaluateOptions& options = {}) {
    options.check();
    decltype(auto) batches = eval_loader(dataset, options.per_device_batch_size, options.batch_size());
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

  /// Loss and outputs of one batch, in evaluation mode and without gradients.
  template <class Batch>
  auto evaluate_batch(Batch&& arrived) {
    const ModeGuard mode(model_);
    const at::NoGradGuard no_gradients;
    set_training(model_, false);
    auto&& batch = device_.move(arrived);
    return eval_output(batch);
  }

 private:
  struct NoBatches {};
  static constexpr NoBatches no_batches{};
  /// Listeners that hear nothing.
  struct Nobody {
    template <class>
    static constexpr bool relays = false;
  };

  using Step::accumulation_;
  using Step::announce;
  using Step::callbacks_;
  using Step::device_;
  using Step::drop_window;
  using Step::loader_seed_;
  using Step::model_;
  using Step::own_or;
  using Step::processes_;
  using Step::run_;
  using Step::train_loss_;
  using Step::transfer_;
  using Step::window_;

  template <class Options, class TrainBatches, class EvalBatches>
  void run_training(const Options& options, TrainBatches& train_batches, EvalBatches& eval_batches) {
    if (options.reset_run_history && !this->resumes()) run_.history_.reset();
    const auto limit = batch_limit(options, environment_batch_limit());
    begin_run(Phase::train, training_config(options, length_of(train_batches, Phase::train, limit),
                                            length_of(eval_batches, Phase::eval, limit), accumulation_.steps(), limit));
    this->take_place();
    drop_window();
    this->start_schedule(run_length(run_.config_));
    own_or(overrides::training_run_start{}, [] {});
    announce(TrainingRunStart{{run_}});
    if constexpr (BatchRange<EvalBatches>) {
      if (options.num_sanity_eval_steps > 0) try_evaluation(eval_batches, options.num_sanity_eval_steps);
    }
    if (this->resumes() && !this->resumes_in_epoch()) this->resume();
    while (run_.num_epochs() < run_.config_.num_epochs && (this->resumes() || !is_over())) {
      const auto evaluate_within = [&](std::string_view metric, auto&... listeners) {
        if constexpr (BatchRange<EvalBatches>) {
          require_two_walks(train_batches, eval_batches);
          evaluate_between(eval_batches, Phase::intermediate_eval, metric, listeners...);
        }
      };
      run_train_epoch(train_batches, WithEvaluation{evaluate_within});
      if constexpr (BatchRange<EvalBatches>) {
        if (!run_.stop_requested() && run_.config_.evaluates_after(run_.epoch())) {
          run_eval_epoch(eval_batches, Phase::eval, "eval_loss_epoch", callbacks_);
        }
      }
      own_or(overrides::training_run_epoch_end{}, [] {});
      const auto evaluate = [&](std::string_view metric, auto&... listeners) {
        if constexpr (BatchRange<EvalBatches>) evaluate_between(eval_batches, Phase::eval, metric, listeners...);
      };
      announce(TrainingRunEpochEnd{{run_}}, WithEvaluation{evaluate});
      run_.end_epoch();
      const bool is_last = run_.num_epochs() >= run_.config_.num_epochs || ends_here();
      this->announce_resume_point(is_last);
    }
    if (this->resumes()) this->resume();  // nothing was left to do
    announce_stop();
    own_or(overrides::training_run_end{}, [] {});
    announce(TrainingRunEnd{{run_}});
  }

  template <class Batches, class Evaluation>
  void run_train_epoch(Batches& batches, const Evaluation& evaluation) {
    run_.begin_epoch(Phase::train, run_.config_.num_train_batches_per_epoch);
    own_or(overrides::train_epoch_start{}, [this] { this->train_epoch_start(); });
    train_loss_.reset();
    announce(TrainEpochStart{{run_}});
    set_epoch(batches, run_.config_.overfit_batches > 0 ? 0 : run_.epoch() - 1);
    this->keep_epoch_generator();
    if (this->resumes()) this->resume();
    if (!is_epoch_over() && !is_over_now()) {
      for (auto&& batch : this->rest_of(transfer_.over(batches, device_))) {
        this->train_step(batch, is_last_batch(), evaluation);
        const bool is_last = ends_here();
        this->announce_resume_point(is_last);
        if (is_last || is_epoch_over() || is_over_now()) break;
      }
      this->finish_window();
      require_batches();
    }
    own_or(overrides::train_epoch_end{}, [] {});
    const double loss = train_loss_.mean(processes_);
    if (run_.step_ > 0) run_.history_.record("train_loss_epoch", loss, Phase::train);
    announce(TrainEpochEnd{{run_}, loss});
  }

  template <class Batches, class Listeners>
  void run_eval_epoch(Batches& batches, Phase phase, std::string_view metric, Listeners& listeners) {
    run_eval_epoch(batches, phase, run_.config_.num_eval_batches_per_epoch, metric, listeners);
  }
  /// Without a name, nothing is recorded.
  template <class Batches, class Listeners>
  void run_eval_epoch(Batches& batches, Phase phase, std::optional<std::int64_t> num_batches, std::string_view metric,
                      Listeners& listeners) {
    const at::NoGradGuard no_gradients;
    run_.begin_epoch(phase, num_batches);
    own_or(overrides::eval_epoch_start{}, [this] { this->eval_epoch_start(); });
    eval_loss_.reset();
    this->announce_to(listeners, EvalEpochStart{{run_}});
    for (auto&& arrived : transfer_.over(batches, device_)) {
      auto&& batch = device_.move(arrived);
      this->announce_to(listeners, EvalStepStart{{run_}}, WithBatch{batch});
      const auto output = eval_output(batch);
      eval_loss_.add(output.loss, items_in(output));
      this->announce_to(listeners, EvalStepEnd{{run_}}, WithBatch{batch}, WithOutput{output});
      ++run_.step_;
      if (is_epoch_over() || run_.stop_requested()) break;
    }
    require_batches();
    own_or(overrides::eval_epoch_end{}, [] {});
    const double loss = eval_loss_.mean(processes_);
    const bool is_whole = !run_.stop_requested() || is_epoch_over();
    if (is_whole && !metric.empty()) run_.history_.record(metric, loss, phase);
    this->announce_to(listeners, EvalEpochEnd{{run_}, loss});
  }

  /// Evaluates in the middle of something else, which then goes on as if nothing had been.
  template <class Batches>
  void evaluate_between(Batches& batches, Phase phase, std::string_view metric, auto& listeners) {
    if (run_.stop_requested()) return;  // it would end after a batch
    const ModeGuard mode(model_);
    const auto place = run_.place();
    run_eval_epoch(batches, phase, length_of(batches, phase, run_.config_.batch_limit), metric, listeners);
    run_.return_to(place);
  }
  template <class Batches>
  void evaluate_between(Batches& batches, Phase phase, std::string_view metric) {
    evaluate_between(batches, phase, metric, callbacks_);
  }

  /// **Errors** `DataError` when one range is to be walked through for evaluation while it is for training, and cannot.
  template <class TrainBatches, class EvalBatches>
  static void require_two_walks(const TrainBatches& train_batches, const EvalBatches& eval_batches) {
    if constexpr (!std::ranges::forward_range<TrainBatches>) {
      if (static_cast<const void*>(&train_batches) != static_cast<const void*>(&eval_batches)) return;
      throw DataError(
          "The run trains and evaluates on one loader, which cannot be walked through again in the middle of an epoch. "
          "Give the evaluation a loader of its own.");
    }
  }

  /// Evaluates on the first batches, for nothing but the errors.
  template <class Batches>
  void try_evaluation(Batches& batches, std::int64_t num_batches) {
    const ModeGuard mode(model_);
    const GeneratorGuard generators(device_.device());
    const auto place = run_.place();
    Nobody nobody;
    run_eval_epoch(batches, Phase::eval, limited(run_.config_.num_eval_batches_per_epoch, num_batches), {}, nobody);
    run_.return_to(place);
  }

  template <class Batches>
  void run_evaluation(const EvaluateOptions& options, Batches& batches) {
    run_.history_.reset();
    const auto limit = environment_batch_limit();
    begin_run(Phase::evaluation, evaluation_config(options, length_of(batches, Phase::evaluation, limit), limit));
    own_or(overrides::evaluation_run_start{}, [] {});
    announce(EvaluationRunStart{{run_}});
    run_eval_epoch(batches, Phase::evaluation, "evaluation_loss", callbacks_);
    announce_stop();
    own_or(overrides::evaluation_run_end{}, [] {});
    announce(EvaluationRunEnd{{run_}});
  }

  template <class Batches, class Outputs>
  void run_prediction(const EvaluateOptions& options, Batches& batches, std::vector<Outputs>& outputs) {
    const at::NoGradGuard no_gradients;
    begin_run(Phase::predict, evaluation_config(options, length_of(batches, Phase::predict)));
    run_.begin_epoch(Phase::predict, run_.config_.num_eval_batches_per_epoch);
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

  template <class Batch>
  auto eval_output(Batch& batch) {
    return own_or(overrides::eval_batch_loss{}, [this](auto& b) { return this->eval_batch_loss(b); }, batch);
  }

  template <class Batch>
  auto outputs_of(Batch& batch) {
    return own_or(overrides::predict_batch{}, [this](auto& b) { return this->predict_batch(b); }, batch);
  }

  /// Does what `run` says, and leaves modes, gradient mode and threads as they were.
  template <class F>
  RunHistory guarded_run(Phase phase, int num_threads, F&& run) {
    const ModeGuard mode(model_);
    const ThreadGuard threads(num_threads);
    const at::AutoGradMode gradients(true);
    const typename Step::RunGuard run_guard(*this);
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
    config.precision = type_name<typename Step::PrecisionType>();
    run_.begin(phase, std::move(config));
    max_updates_ = run_.config_.max_num_train_steps.value_or(std::numeric_limits<std::int64_t>::max());
    first_look_ = max_updates_;
    if (run_.config_.max_time) {
      first_look_ = std::min(max_updates_, std::int64_t{1});
      began_ = std::chrono::steady_clock::now();
    }
  }

  /// The batches of an epoch over a range, as far as the range or a limit, the run's or a callback's, tell.
  template <class Batches>
  std::optional<std::int64_t> length_of(Batches& batches, Phase phase, std::optional<std::int64_t> limit = {}) const {
    return limited(limited(batch_count(batches), callbacks_.batch_limit(phase)), limit);
  }
  std::optional<std::int64_t> length_of(const NoBatches&, Phase, std::optional<std::int64_t>) const {
    return std::nullopt;
  }

  template <class Dataset, class Options>
  decltype(auto) train_loader(Dataset& dataset, const Options& options) {
    const LoaderOptions loader{.batch_size = options.per_device_batch_size,
                               .shuffle = options.shuffle && options.overfit_batches == 0,
                               .drop_last = options.drop_last,
                               .seed = loader_seed_};
    return own_or(
        overrides::create_train_dataloader{},
        [this](auto& set, auto& how) -> decltype(auto) { return this->create_train_dataloader(set, how); }, dataset,
        loader);
  }

  /// Where no batch size was given, the usual one, or as many samples as there are.
  template <class Dataset>
  decltype(auto) eval_loader(Dataset& dataset, std::optional<std::int64_t> given, std::int64_t usual) {
    LoaderOptions loader{.batch_size = given.value_or(usual)};
    if constexpr (IndexedDataset<Dataset>) {
      if (!given) loader.batch_size = std::clamp(sample_count(dataset), std::int64_t{1}, usual);
    }
    return own_or(
        overrides::create_eval_dataloader{},
        [this](auto& set, auto& how) -> decltype(auto) { return this->create_eval_dataloader(set, how); }, dataset,
        std::as_const(loader));
  }

  /// True when the batch at hand is known to be the last of its epoch.
  [[nodiscard]] bool is_last_batch() const { return run_.num_batches_ && run_.step_ + 1 == *run_.num_batches_; }
  /// True when no batch of the epoch is left. A range without length says so itself.
  [[nodiscard]] bool is_epoch_over() const { return run_.num_batches_ && run_.step_ >= *run_.num_batches_; }
  [[nodiscard]] bool is_over() const { return run_.stop_requested() || run_.num_updates_ >= max_updates_; }
  /// The same once no batch is left that was computed and not learned from.
  [[nodiscard]] bool is_over_now() const { return window_.empty() && is_over(); }
  /// The same, and when the run's time is up: a stop is requested then. Without a limit of time, no clock is read.
  [[nodiscard]] bool ends_here() {
    return window_.empty() && (run_.stop_requested() || (run_.num_updates_ >= first_look_ && is_at_limit()));
  }
  [[nodiscard, gnu::noinline]] bool is_at_limit() {
    if (run_.num_updates_ >= max_updates_) return true;
    const auto max_time = *run_.config_.max_time;
    if (is_true_anywhere(processes_, std::chrono::steady_clock::now() - began_ >= max_time)) {
      run_.request_stop(fmt::format("Reached max_time = {} s", max_time.count()));
    }
    return run_.stop_requested();
  }

  /// The updates that the epochs alone would make.
  [[nodiscard]] std::int64_t planned_updates() const {
    const auto& per_epoch = run_.config_.num_update_steps_per_epoch;
    return per_epoch ? *per_epoch * run_.config_.num_epochs : std::numeric_limits<std::int64_t>::max();
  }

  void require_batches() const {
    if (run_.step_ > 0) return;
    throw DataError(
        fmt::format("The loader gave no batch in epoch {} ({}). Give it data; a range that can be walked "
                    "through only once lasts for one epoch.",
                    run_.epoch(), to_string(run_.phase_)));
  }

  void announce_stop() {
    if (run_.stop_requested()) {
      run_.history_.set_stop_reason(run_.reason_);
      announce(StopTraining{{run_}});
    } else if (run_.num_updates_ >= max_updates_ && max_updates_ < planned_updates()) {
      run_.history_.set_stop_reason(fmt::format("Reached max_num_train_steps = {}", max_updates_));
    }
  }

  LossTracker<typename Step::DeviceType> eval_loss_;
  std::int64_t max_updates_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t first_look_ = max_updates_;  ///< Updates from which on the run may be at a limit.
  std::chrono::steady_clock::time_point began_;
};

template <class Model, class Loss, class Optimizer, class... Settings>
Trainer(Model, Loss, Optimizer, Settings...) -> Trainer<Model, Loss, Optimizer, detail::StandsFor<Settings>...>;

}  // namespace hone
