// SPDX-License-Identifier: Apache-2.0
/// The training loop: for exactly one model, loss and optimizer, on exactly one kind of hardware, with exactly one set
/// of callbacks. What is not asked for is not there.
#pragma once

#include <ATen/Context.h>

#include <algorithm>  // the concepts of ranges; <ranges> has views too, which every file would have to read
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/data/epoch_scope.hpp"
#include "hone/data/loader.hpp"
#include "hone/loop/environment.hpp"
#include "hone/loop/evaluation.hpp"
#include "hone/loop/in_step.hpp"
#include "hone/loop/refusal.hpp"
#include "hone/loop/run_options.hpp"
#include "hone/loop/run_setup.hpp"
#include "hone/loop/training_run.hpp"

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
    : public Evaluation<Trainer<Model, Loss, Optimizer, Policies...>, Model, Loss, Optimizer, Policies...> {
  using Base = Evaluation<Trainer, Model, Loss, Optimizer, Policies...>;

 public:
  /// `settings` are values for the policies, callbacks and overrides in the trainer's type, in any order; what is left
  /// out is default constructed. The model goes to the device, then the optimizer is bound to its parameters.
  template <class... Settings>
  explicit Trainer(Model model, Loss loss_function, Optimizer optimizer, Settings... settings)
      : Base(Given<Settings...>(settings...), std::move(model), std::move(loss_function), std::move(optimizer)) {
    if constexpr (Base::reduces) {  // for who asks for a stop before the first run
      run_.config_.num_processes = this->world_size();
      run_.config_.process_index = this->rank();
    }
    announce(InitEnd{{run_}});
  }

  Trainer(Trainer&&) = default;
  Trainer(const Trainer&) = delete;

  /// Trains on a dataset held in tensors, an indexed dataset, or any range of batches; evaluates after each epoch when
  /// there is something to evaluate on.
  ///
  /// **Errors** `std::invalid_argument` for options out of range, `DataError` for data that does not fit; what a
  /// callback hears of them is `on_exception`. `std::logic_error` in a callback of this trainer. The weights are those
  /// of the last update. Modes, gradient mode and threads are as before the run, whatever happens.
  template <class Dataset, class EvalDataset = std::remove_cvref_t<Dataset>, class For = Trainer>
  RunHistory train(Dataset&& dataset, const TrainOptions<EvalDataset, For>& options = {}) {
    options.check();
    refuse_options_of_loader<Dataset, EvalDataset>(options);
    this->require_trainable();
    if (!activity_.is_idle()) {
      refuse_call("train", activity_, "Call it when that is over, or train with another trainer.");
    }
    const int num_threads = suitable_threads(options.num_threads, dataset, options.batch_size());
    guarded_run(activity_.trains, num_threads, [&] {
      if (options.seed) at::manual_seed(this->own_seed(*options.seed));
      const bool shuffles = options.shuffle.value_or(true) && options.overfit_batches == 0;
      loader_seed_ = options.seed ? *options.seed : shuffles && takes_seed<Dataset> ? this->common_seed() : 0;
      if (options.fast_dev_run == 0) resume_from(options.resume_from);
      decltype(auto) train_batches = train_loader(dataset, {.batch_size = options.batch_size(),
                                                            .shuffle = shuffles,
                                                            .drop_last = options.drop_last.value_or(false),
                                                            .seed = loader_seed_,
                                                            .share = this->data_share()});
      const auto load_eval = [&]() -> decltype(auto) {
        const auto as_for_training =
            options.per_device_batch_size ? options.per_device_batch_size : known_batch_size(train_batches);
        return eval_loader(*options.eval_dataset,
                           options.eval_per_device_batch_size.value_or(as_for_training.value_or(options.batch_size())));
      };
      using EvalBatches = decltype(load_eval());
      if constexpr (std::is_reference_v<EvalBatches>) {
        run_training(options, train_batches, options.eval_dataset ? &load_eval() : nullptr);
      } else {
        std::optional<EvalBatches> eval_batches;
        if (options.eval_dataset) eval_batches.emplace(load_eval());
        run_training(options, train_batches, eval_batches ? &*eval_batches : nullptr);
      }
    });
    return run_.history_;
  }

  /// Opens a training run around a loop of the host's own: callbacks, limits, states and signals work as in `train`
  /// until the run ends. See `TrainingRun`.
  ///
  /// **Errors** `std::logic_error` inside of another run of this trainer.
  [[nodiscard]] auto begin_run(const RunOptions& options = {}) {
    return TrainingRun<Trainer, std::nullptr_t>(*this, nullptr, options);
  }
  /// The same with data to evaluate on after each epoch, and where a callback asks for it. It is referred to and has to
  /// outlive the run.
  template <class EvalDataset>
  [[nodiscard]] auto begin_run(EvalDataset& eval_dataset, const RunOptions& options = {}) {
    return TrainingRun<Trainer, EvalDataset>(*this, &eval_dataset, options);
  }

 private:
  template <class, class>
  friend class TrainingRun;
  using ModelHandle = Model;
  using LossHandle = Loss;

  using Base::accumulation_;
  using Base::activity_;
  using Base::announce;
  using Base::announce_resume_point;
  using Base::announce_stop;
  using Base::begin_run;
  using Base::callbacks_;
  using Base::device_;
  using Base::drop_window;
  using Base::ends_here;
  using Base::eval_loader;
  using Base::evaluate_between;
  using Base::guarded_run;
  using Base::is_epoch_over;
  using Base::is_last_batch;
  using Base::is_over;
  using Base::is_over_now;
  using Base::keep_epoch_generator;
  using Base::length_of;
  using Base::loader_seed_;
  using Base::own_or;
  using Base::processes_;
  using Base::require_batches;
  using Base::rest_of;
  using Base::resume;
  using Base::resume_from;
  using Base::resumes;
  using Base::resumes_in_epoch;
  using Base::run_;
  using Base::run_eval_epoch;
  using Base::start_schedule;
  using Base::suitable_threads;
  using Base::take_place;
  using Base::train_loader;
  using Base::train_loss_;
  using Base::train_step;
  using Base::transfer_;
  using Base::try_evaluation;

  /// Whether the batches of `Dataset` are made with a seed. A range of batches has its own order, and a run over one
  /// draws no random numbers itself.
  template <class Dataset>
  static constexpr bool takes_seed =
      overrides::create_train_dataloader::named<typename Base::OverridesType> || !HandsOutBatches<Dataset>;

  /// `eval_batches` is null in a run that does not evaluate.
  template <class Options, class TrainBatches, class EvalBatches>
  void run_training(const Options& options, TrainBatches& train_batches, EvalBatches* eval_batches) {
    require_share(train_batches, this->data_share());
    if (options.reset_run_history && !resumes()) run_.history_.reset();
    const auto limit = batch_limit(options, environment_batch_limit());
    RunConfig config = training_config(options, length_of(train_batches, Phase::train, limit),
                                       eval_batches ? length_of(*eval_batches, Phase::eval, limit) : std::nullopt,
                                       accumulation_.num_batches_per_update(), limit);
    config.train_per_device_batch_size = known_batch_size(train_batches).value_or(0);
    config.has_evaluation = eval_batches != nullptr;
    if (eval_batches) config.eval_per_device_batch_size = known_batch_size(*eval_batches).value_or(0);
    begin_run(Phase::train, std::move(config));
    start_training_run();
    if (eval_batches && options.num_sanity_eval_batches > 0)
      try_evaluation(*eval_batches, options.num_sanity_eval_batches);
    if (resumes() && !resumes_in_epoch()) resume();
    this->agree_on_stop();
    while (run_.num_epochs() < run_.config_.num_epochs && (resumes() || !is_over())) {
      const auto evaluate_within = [&](std::string_view metric, auto&... listeners) {
        if (!eval_batches) return;
        require_two_walks(train_batches, *eval_batches);
        evaluate_within_epoch(*eval_batches, metric, listeners...);
      };
      run_train_epoch(train_batches, WithEvaluation{evaluate_within}, eval_batches != nullptr);
      finish_epoch(eval_batches);
    }
    if (resumes()) resume();  // nothing was left to do
    end_training_run();
  }

  template <class Batches, class Evaluate>
  void run_train_epoch(Batches& batches, const Evaluate& evaluation, bool is_evaluated) {
    begin_train_epoch();
    const std::int64_t epoch = run_.config_.overfit_batches > 0 ? 0 : run_.epoch() - 1;
    const EpochScope scope(epoch);
    set_epoch(batches, epoch);
    keep_epoch_generator();
    if (resumes()) {
      resume();
      this->agree_on_stop();
      run_.num_batches_ = this->batches_with_rest_of(batches, run_.num_batches_);
      finish_evaluations(evaluation);
    }
    if (!is_over_now()) {
      if (!is_epoch_over()) {
        auto rest = rest_of(batches);
        auto&& arriving = transfer_.over(rest, device_);
        for (auto&& batch : in_step(arriving, processes_, run_.num_batches_.has_value())) {
          this->count_samples(batches);
          train_step(batch, is_last_batch(), evaluation);
          const bool is_last = ends_here();
          announce_resume_point(is_last, batches);
          if (is_last || is_epoch_over() || is_over_now()) break;
        }
      }
      this->finish_window();
      require_batches();
    }
    end_batches(is_evaluated, batches);
    end_train_epoch();
  }

  // ---------------------------------------------------- the same for `train` and for a loop that the host owns

  void start_training_run() {
    take_place();
    drop_window();
    if (run_.config_.num_epochs > 0) {
      require_some_batches(run_.config_.num_train_batches_per_epoch);
      if (!resumes()) this->require_schedule_left(run_length(run_.config_));
      start_schedule(run_length(run_.config_));
    }
    own_or(overrides::training_run_start{}, [] {});
    announce(TrainingRunStart{{run_}});
  }
  void begin_train_epoch() {
    run_.begin_epoch(Phase::train, run_.config_.num_train_batches_per_epoch);
    own_or(overrides::train_epoch_start{}, [this] { this->train_epoch_start(); });
    train_loss_.reset();
    announce(TrainEpochStart{{run_}});
    this->warn_of_untrained();
  }
  /// No batch of the epoch is left, or a stop takes effect before the last one.
  template <class... Batches>
  void end_batches(bool is_evaluated, const Batches&... batches) {
    run_.is_cut_short_ = run_.stop_requested() && !is_epoch_over();
    if (run_.is_cut_short_) {
      this->announce_end_within_epoch(batches...);
    } else if (is_evaluated) {
      this->keep_state_before_evaluation(batches...);
    }
  }
  void end_train_epoch() {
    own_or(overrides::train_epoch_end{}, [] {});
    const double loss = train_loss_.mean(processes_);
    if (run_.batch_ > 0) record_loss(train_loss_, run_.history_, "train_loss_epoch", loss, Phase::train);
    announce(TrainEpochEnd{{run_}, loss});
    this->agree_on_stop();
  }
  /// What follows an epoch of training. `eval_batches` is null, or a null pointer constant, in a run that does not
  /// evaluate.
  template <class EvalBatches>
  void finish_epoch(EvalBatches eval_batches) {
    constexpr bool evaluates = !std::is_null_pointer_v<EvalBatches>;
    const auto place = run_.place();
    bool is_evaluated = !this->has_unfinished_evaluations();
    if constexpr (evaluates) {
      if (eval_batches && run_.config_.evaluates_after(run_.epoch())) {
        is_evaluated &=
            !run_.stop_requested() && run_eval_epoch(*eval_batches, Phase::eval, "eval_loss_epoch", callbacks_);
      }
    }
    own_or(overrides::training_run_epoch_end{}, [] {});
    [[maybe_unused]] const bool was_stopped = run_.stop_requested();
    const auto evaluate = [&]([[maybe_unused]] std::string_view metric, [[maybe_unused]] auto&... listeners) {
      if constexpr (evaluates) {
        if (!eval_batches) return;
        const bool is_skipped = run_.stop_requested() && !was_stopped;  // a callback has just ended the run
        is_evaluated &= this->evaluate_between(*eval_batches, Phase::eval, metric, listeners...) || is_skipped;
      }
    };
    announce(TrainingRunEpochEnd{{run_}}, WithEvaluation{evaluate});
    this->agree_on_stop();
    if (!is_evaluated && !run_.is_cut_short_) {
      run_.return_to(place);
      run_.is_cut_short_ = true;
      this->announce_resume_point_before_evaluation();
    }
    const bool is_cut_short = run_.is_cut_short_;
    run_.end_epoch();
    if (!is_cut_short) announce_resume_point(run_.num_epochs() >= run_.config_.num_epochs || ends_here());
    this->forget_unfinished_evaluations();
  }
  void end_training_run() {
    announce_stop();
    own_or(overrides::training_run_end{}, [] {});
    announce(TrainingRunEnd{{run_}});
    this->record_late_stop();
  }

  /// Evaluates within an epoch. Listeners other than the trainer's callbacks are gone when the run is resumed: an
  /// evaluation for them that a stop cuts short is not made up.
  template <class Batches>
  void evaluate_within_epoch(Batches& batches, std::string_view metric, auto&... listeners) {
    const auto run = [&] { return evaluate_between(batches, Phase::intermediate_eval, metric, listeners...); };
    if constexpr (sizeof...(listeners) == 0) {
      this->evaluate_after_batch(metric, run);
    } else {
      run();
    }
  }
  /// Makes the evaluations that a stop cut short before the run was resumed, at the batch that they belong to.
  template <class Evaluate>
  void finish_evaluations(const Evaluate& evaluation) {
    if (!this->has_unfinished_evaluations()) return;
    --run_.batch_;
    for (const auto& metric : this->take_unfinished_evaluations()) evaluation.evaluate(metric);
    ++run_.batch_;
  }

  /// Refuses options that a range of batches would ignore.
  template <class Dataset, class EvalDataset, class Options>
  static void refuse_options_of_loader(const Options& options) {
    using Overrides = typename Base::OverridesType;
    if constexpr (HandsOutBatches<Dataset> && !overrides::create_train_dataloader::named<Overrides>) {
      options.require_none_of_loader();
    }
    if (options.eval_dataset) refuse_options_of_eval_loader<EvalDataset>(options);
  }
  template <class EvalDataset, class Options>
  static void refuse_options_of_eval_loader([[maybe_unused]] const Options& options) {
    using Overrides = typename Base::OverridesType;
    if constexpr (HandsOutBatches<EvalDataset&> && !overrides::create_eval_dataloader::named<Overrides>) {
      detail::require_not_given("eval_per_device_batch_size", options.eval_per_device_batch_size);
    }
  }

  static void require_some_batches(const std::optional<std::int64_t>& num_batches) {
    if (num_batches.value_or(1) > 0) return;
    throw DataError("The training data is a range of 0 batches. Give it at least one.");
  }

  /// **Errors** `DataError` when one range is to be walked through for evaluation while it is for training, and cannot.
  template <class TrainBatches, class EvalBatches>
  static void require_two_walks(const TrainBatches& train_batches, const EvalBatches& eval_batches) {
    if constexpr (!std::ranges::forward_range<TrainBatches>) {
      if (!are_same_batches(train_batches, eval_batches)) return;
      throw DataError(
          "The run trains and evaluates on one loader, which cannot be walked through again in the middle of an epoch. "
          "Give the evaluation a loader of its own.");
    }
  }
};

template <class Model, class Loss, class Optimizer, class... Settings>
Trainer(Model, Loss, Optimizer, Settings...) -> Trainer<Model, Loss, Optimizer, detail::StandsFor<Settings>...>;

}  // namespace hone
