// SPDX-License-Identifier: Apache-2.0
/// Evaluation and prediction: by themselves, and in the middle of training.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/data/loader.hpp"
#include "hone/loop/environment.hpp"
#include "hone/loop/guards.hpp"
#include "hone/loop/losses_tracker.hpp"
#include "hone/loop/predictions.hpp"
#include "hone/loop/run_options.hpp"
#include "hone/loop/runs.hpp"

namespace hone {

namespace detail {

/// Listeners that hear nothing.
struct Nobody {
  template <class>
  static constexpr bool relays = false;
};

}  // namespace detail

/// A trainer's runs that learn nothing.
template <class Self, class Model, class Loss, class Optimizer, class... Policies>
class Evaluation : public Runs<Self, Model, Loss, Optimizer, Policies...> {
  using Base = Runs<Self, Model, Loss, Optimizer, Policies...>;

 public:
  /// Evaluates, and returns a history with the mean loss over samples, `evaluation_loss`, and what callbacks recorded.
  /// The trainer's own history has those records too. May be called between the steps of a host's own loop and in the
  /// callbacks of a run, which continues as if nothing had happened.
  ///
  /// **Errors** `std::logic_error` inside of an evaluation.
  template <class Dataset>
  RunHistory evaluate(Dataset&& dataset, const EvaluateOptions& options = {}) {
    check<Dataset>(options);
    if (activity_.evaluates) {
      refuse_call("evaluate", activity_, "Call it when the evaluation is over, such as in on_train_epoch_end.");
    }
    const int num_threads = this->suitable_threads(options.num_threads, dataset, options.batch_size());
    const typename Base::InnerRun inner(*this);
    const auto mark = run_.history_.revision();
    this->guarded_run(activity_.evaluates, num_threads, [&] {
      decltype(auto) batches = eval_loader(dataset, options.batch_size());
      run_evaluation(batches);
    });
    return run_.history_.since(mark);
  }

  /// The model's outputs for every sample, in the order of the dataset: one tensor when the model returns tensors, else
  /// a vector with an element for each batch of this process. A target in a batch is not looked at. No output shares
  /// memory with a batch or with the model's buffers. May be called between the steps of a host's own loop and in the
  /// callbacks of a run, which continues as if nothing had happened.
  ///
  /// **Errors** `std::logic_error` inside of a prediction; `DataError` when an output tensor has no dimension or, but
  /// for the first dimension, another shape than that of the first batch; `StoppedError` when a callback stops the run
  /// before the last batch.
  template <class Dataset>
  auto predict(Dataset&& dataset, const EvaluateOptions& options = {}) {
    check<Dataset>(options);
    if (activity_.predicts) {
      refuse_call("predict", activity_, "Call it when the prediction is over, such as in on_eval_epoch_end.");
    }
    decltype(auto) batches = eval_loader(dataset, options.batch_size());
    using Arrived = std::remove_reference_t<decltype(*transfer_.over(batches, device_).begin())>;
    using Moved = std::remove_reference_t<decltype(this->taken_in(std::declval<Arrived&>()))>;
    using Outputs = std::remove_cvref_t<decltype(outputs_of(std::declval<Moved&>()))>;
    if constexpr (std::is_void_v<Outputs>) {
      static_assert(detail::checked_outputs<Outputs>);
      return 0;
    } else {
      Predictions<Outputs> outputs(buffers_of(model_));
      const int num_threads = this->suitable_threads(options.num_threads, dataset, options.batch_size());
      std::optional<std::string> why_cut_short;
      {
        const typename Base::InnerRun inner(*this);
        this->guarded_run(activity_.predicts, num_threads, [&] { why_cut_short = run_prediction(batches, outputs); });
      }
      if (why_cut_short) throw StoppedError(*why_cut_short);
      auto result = std::move(outputs).take();
      if constexpr (std::is_same_v<decltype(result), at::Tensor>) {
        return whole(result, batches);
      } else {
        return result;
      }
    }
  }

  /// Loss and outputs of one batch, in evaluation mode and without gradients.
  template <class Batch>
  auto evaluate_batch(Batch&& arrived) {
    const ModeGuard mode(model_);
    const ModeGuard loss_mode(loss_);
    const at::NoGradGuard no_gradients;
    const ThreadGuard threads(this->step_threads(arrived));
    [[maybe_unused]] const auto denormals = this->denormals_.over_step();
    [[maybe_unused]] const auto number_format = this->number_format();
    return this->on_device([&] {
      set_training(model_, false);
      set_training(loss_, false);
      auto&& batch = this->taken_in(arrived);
      return eval_output(batch);
    });
  }

 protected:
  using Base::activity_;
  using Base::announce;
  using Base::Base;
  using Base::callbacks_;
  using Base::device_;
  using Base::loss_;
  using Base::model_;
  using Base::own_or;
  using Base::processes_;
  using Base::run_;
  using Base::transfer_;

  /// The evaluation batches of a dataset: of the user's own making where there is an override.
  template <class Dataset>
  decltype(auto) eval_loader(Dataset& dataset, std::int64_t batch_size) {
    const LoaderOptions loader{.batch_size = batch_size, .share = this->data_share()};
    return batches_from([&]() -> decltype(auto) {
      return own_or(
          overrides::create_eval_dataloader{},
          [this](auto& set, auto& how) -> decltype(auto) { return this->create_eval_dataloader(set, how); }, dataset,
          loader);
    });
  }

  template <class Batches, class Listeners>
  bool run_eval_epoch(Batches& batches, Phase phase, std::string_view metric, Listeners& listeners) {
    return run_eval_epoch(batches, phase, run_.config_.num_eval_batches_per_epoch, metric, listeners);
  }
  /// Without a name, nothing is recorded. Returns false when a stop cut the evaluation short; nothing is recorded then.
  template <class Batches, class Listeners>
  bool run_eval_epoch(Batches& batches, Phase phase, std::optional<std::int64_t> num_batches, std::string_view metric,
                      Listeners& listeners) {
    const ActivityGuard activity(activity_.evaluates);
    const ModeGuard loss_mode(loss_);
    const at::NoGradGuard no_gradients;
    if constexpr (Base::reduces) processes_.share_buffers();
    run_.begin_epoch(phase, num_batches);
    set_training(loss_, false);
    own_or(overrides::eval_epoch_start{}, [this] { this->eval_epoch_start(); });
    TrackerOf<typename Base::DeviceType, Loss> eval_loss;
    this->announce_to(listeners, EvalEpochStart{{run_}});
    if (!run_.stop_requested()) {
      for (auto&& arrived : transfer_.over(batches, device_)) {
        auto&& batch = this->taken_in(arrived);
        this->announce_to(listeners, EvalStepStart{{run_}}, WithBatch{batch});
        const auto output = eval_output(batch);
        add_loss(eval_loss, output);
        this->announce_to(listeners, EvalStepEnd{{run_}}, WithBatch{batch}, WithOutput{output});
        ++run_.batch_;
        if (this->is_epoch_over() || run_.stop_requested()) break;
      }
      this->require_batches();
    }
    own_or(overrides::eval_epoch_end{}, [] {});
    const double mean = eval_loss.mean(processes_);
    const bool is_complete = !run_.stop_requested() || this->is_epoch_over();
    const double loss = is_complete ? mean : std::numeric_limits<double>::quiet_NaN();
    if (is_complete && !metric.empty()) record_loss(eval_loss, run_.history_, metric, loss, phase);
    this->announce_to(listeners, EvalEpochEnd{{run_}, loss, is_complete});
    this->agree_on_stop();
    return is_complete;
  }

  /// Evaluates in the middle of something else, which then goes on as if nothing had been. Returns false, and records
  /// nothing, when a stop was requested before or cuts the evaluation short.
  template <class Batches>
  bool evaluate_between(Batches& batches, Phase phase, std::string_view metric, auto& listeners) {
    if (run_.stop_requested()) return false;
    const ModeGuard mode(model_);
    const auto place = run_.place();
    const bool is_complete =
        run_eval_epoch(batches, phase, this->length_of(batches, phase, run_.config_.batch_limit), metric, listeners);
    run_.return_to(place);
    return is_complete;
  }
  template <class Batches>
  bool evaluate_between(Batches& batches, Phase phase, std::string_view metric) {
    return evaluate_between(batches, phase, metric, callbacks_);
  }

  /// Evaluates on the first batches, for nothing but the errors.
  template <class Batches>
  void try_evaluation(Batches& batches, std::int64_t num_batches) {
    const ModeGuard mode(model_);
    const GeneratorGuard generators(device_.device());
    const auto place = run_.place();
    detail::Nobody nobody;
    run_eval_epoch(batches, Phase::eval, limited(run_.config_.num_eval_batches_per_epoch, num_batches), {}, nobody);
    run_.return_to(place);
  }

 private:
  template <class Batches>
  void run_evaluation(Batches& batches) {
    const auto limit = environment_batch_limit();
    this->begin_run(Phase::evaluation, config_of(batches, Phase::evaluation, limit));
    own_or(overrides::evaluation_run_start{}, [] {});
    announce(EvaluationRunStart{{run_}});
    this->agree_on_stop();
    if (!run_.stop_requested()) run_eval_epoch(batches, Phase::evaluation, "evaluation_loss", callbacks_);
    this->announce_stop();
    own_or(overrides::evaluation_run_end{}, [] {});
    announce(EvaluationRunEnd{{run_}});
    this->record_late_stop();
  }

  /// What to say where a stop has cut the prediction short.
  template <class Batches, class Outputs>
  [[nodiscard]] std::optional<std::string> run_prediction(Batches& batches, Outputs& outputs) {
    const at::NoGradGuard no_gradients;
    this->begin_run(Phase::predict, config_of(batches, Phase::predict, {}));
    run_.begin_epoch(Phase::predict, run_.config_.num_eval_batches_per_epoch);
    set_training(model_, false);
    bool is_cut_short = false;
    announce(PredictRunStart{{run_}});
    for (auto&& arrived : transfer_.over(batches, device_)) {
      if (run_.stop_requested()) [[unlikely]] {
        is_cut_short = true;
        break;
      }
      auto&& batch = this->taken_in(arrived);
      announce(PredictStepStart{{run_}}, WithBatch{batch});
      auto& kept = outputs.add(outputs_of(batch), batch);
      announce(PredictStepEnd{{run_}}, WithBatch{batch}, WithOutputs{kept});
      ++run_.batch_;
      if (this->is_epoch_over()) break;
    }
    if (!is_cut_short) this->require_batches();
    this->announce_stop();
    announce(PredictRunEnd{{run_}});
    this->record_late_stop();
    if (!is_cut_short) return std::nullopt;
    return sentence(
        "The prediction was stopped after {} batches ({}), so outputs are missing. Predict without what stops it, or "
        "keep the outputs in on_predict_step_end.",
        {run_.batch(), run_.stop_reason()});
  }

  template <class Dataset>
  void check(const EvaluateOptions& options) const {
    options.check();
    using Point = overrides::create_eval_dataloader;
    if constexpr (HandsOutBatches<Dataset> && !Point::template named<typename Base::OverridesType>) {
      options.require_none_of_loader();
    }
  }

  template <class Batches>
  RunConfig config_of(Batches& batches, Phase phase, std::optional<std::int64_t> limit) const {
    RunConfig config = evaluation_config(this->length_of(batches, phase, limit), limit);
    config.eval_per_device_batch_size = known_batch_size(batches).value_or(0);
    return config;
  }

  /// This process's outputs and the others', in the order of the dataset; those for a range of batches in the order of
  /// ranks.
  template <class Batches>
  at::Tensor whole(const at::Tensor& outputs, Batches& batches) {
    if constexpr (!Base::reduces) {
      return outputs;
    } else if constexpr (requires { batches.stored_order(); }) {
      return this->gather(outputs).index_select(0, batches.stored_order().to(outputs.device()));
    } else {
      return this->gather(outputs);
    }
  }

  template <class Batch>
  auto eval_output(Batch& batch) {
    return this->own_pass_or(overrides::eval_batch_loss{}, [this](auto& b) { return this->forward_pass(b); }, batch);
  }

  template <class Batch>
  auto outputs_of(Batch& batch) {
    return this->own_pass_or(overrides::predict_batch{}, [this](auto& b) { return this->predict_batch(b); }, batch);
  }
};

}  // namespace hone
