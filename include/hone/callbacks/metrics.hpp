// SPDX-License-Identifier: Apache-2.0
/// A callback that computes and records streaming metrics.
#pragma once

#include <any>
#include <cstddef>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/callbacks/events.hpp"
#include "hone/callbacks/target.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"
#include "hone/metrics/metric.hpp"
#include "hone/metrics/tensors.hpp"

namespace hone {

template <class... Ms>
class TrainingMetrics;

namespace detail {

/// A metric, and sums that are not yet added to it. `pending` is a tensor that stays on its device until `settle`.
template <class M>
struct Watched {
  M metric;
  std::any pending{};
  void (*take)(M& of, const std::any& sums) = nullptr;

  void reset() {
    metric.reset();
    pending.reset();
  }

  template <class Outputs, class Target>
  void update(const Outputs& outputs, const Target& target) {
    if constexpr (AddsUp<M, Outputs, Target>) {
      add_up(metric.add_up(outputs, target));
    } else if constexpr (requires { metric.update(outputs, target); }) {
      metric.update(outputs, target);
    } else {
      static_assert(sizeof(Outputs) == 0,
                    "hone: this metric has no `update` that accepts the model's outputs and the batch's target.");
    }
  }

  void settle() {
    if (!pending.has_value()) return;
    const std::any sums = std::exchange(pending, {});
    take(metric, sums);
  }

 private:
  template <class Sums>
  void add_up(Sums sums) {
    auto* const so_far = std::any_cast<Sums>(&pending);
    if (so_far != nullptr && so_far->numel() == sums.numel()) {
      so_far->add_(sums);
      return;
    }
    settle();
    pending = std::move(sums);
    take = [](M& of, const std::any& all) { of.add(read(std::any_cast<const Sums&>(all))); };
  }
};

/// Saves or restores a metric under `name`: its serializable state (see `core/serialize.hpp`), or else its sums.
///
/// **Errors** `DataError` for another number of sums than the metric has without samples, unless it has none then.
/// At compile time, one message, for a metric with neither.
template <class M>
void serialize_metric(auto& archive, std::string_view name, M& metric) {
  if constexpr (RemembersState<M>) {
    serialize_state(archive, name, metric);
  } else if constexpr (SummableMetric<M>) {
    std::vector<double> sums = metric.sums();
    archive(name, sums);
    if (!archive.is_loading) return;
    metric.reset();
    if (const std::size_t expected = metric.sums().size(); expected > 0 && sums.size() != expected) {
      throw DataError(
          format_message("The metric `{}` has {} sums, and the saved state has {}. Resume with the same metrics.",
                         {name, expected, sums.size()}));
    }
    metric.add(sums);
  } else {
    static_assert(sizeof(M) == 0,
                  "hone: this metric cannot be saved in a training state. Add `void serialize(auto& archive)`, a "
                  "member `state` with one, or `sums()` and `add(sums)`.");
  }
}

/// Metrics that are updated and recorded together.
template <class... Ms>
class Watch {
 public:
  explicit Watch(Ms... metrics) : watched_(Watched<Ms>{std::move(metrics)}...) {}

  void start() {
    each([](auto& watched) { watched.reset(); });
    has_seen_ = false;
  }
  template <class Event>
  void update(const Event& event) {
    if constexpr (!HasClearTarget<std::remove_cvref_t<decltype(event.batch)>>) {
      static_assert(sizeof(batch_without_clear_target<std::remove_cvref_t<decltype(event.batch)>>) > 0);
    } else if constexpr (requires { event.output.outputs; }) {
      const auto& target = target_of(event.batch);
      each([&](auto& watched) { watched.update(event.output.outputs, target); });
      has_seen_ = true;
    } else {
      static_assert(sizeof(Event) == 0,
                    "hone: Metrics requires a member `outputs` in the result of the override of the loss step.");
    }
  }
  void record(const auto& event) {
    Run& run = event.run;
    double num_that_have_seen = has_seen_ ? 1.0 : 0.0;
    all_reduce_sum(event, num_that_have_seen);
    if (num_that_have_seen == 0.0) return;
    each([&](auto& watched) {
      watched.settle();
      merge_across_ranks(event, watched.metric);
      const std::string name(watched.metric.name());
      const auto phase = run.phase();
      run.history().record(phase == Phase::train               ? "train_" + name + "_epoch"
                           : phase == Phase::eval              ? "eval_" + name + "_epoch"
                           : phase == Phase::intermediate_eval ? "intermediate_eval_" + name
                                                               : "evaluation_" + name,
                           watched.metric.value(), phase);
    });
    has_seen_ = false;
  }
  template <class M>
  [[nodiscard]] M& get() {
    auto& watched = std::get<Watched<M>>(watched_);
    watched.settle();
    return watched.metric;
  }
  /// Saves or restores the state of each metric under the metric's name.
  void serialize(auto& archive) {
    for_each([&](auto& metric) { serialize_metric(archive, metric.name(), metric); });
    archive("has_seen", has_seen_);
    merge_departed_ranks(archive, *this);
  }
  void reset() { start(); }
  void merge(const Watch& other) {
    std::apply(
        [&](auto&... mine) {
          std::apply([&](const auto&... theirs) { (mine.metric.merge(theirs.metric), ...); }, other.watched_);
        },
        watched_);
    has_seen_ = has_seen_ || other.has_seen_;
  }
  /// Calls `function` with each metric.
  void for_each(auto&& function) {
    each([&](auto& watched) {
      watched.settle();
      function(watched.metric);
    });
  }

 private:
  static void all_reduce_sum([[maybe_unused]] const auto& event, [[maybe_unused]] double& number) {
    if constexpr (requires { event.trainer.all_reduce_sum(std::span(&number, 1)); }) {
      event.trainer.all_reduce_sum(std::span(&number, 1));
    }
  }
  static void merge_across_ranks([[maybe_unused]] const auto& event, [[maybe_unused]] auto& metric) {
    if constexpr (requires { event.trainer.merge_across_ranks(metric); }) event.trainer.merge_across_ranks(metric);
  }
  void each(auto&& function) {
    std::apply([&](auto&... watched) { (function(watched), ...); }, watched_);
  }

  std::tuple<Watched<Ms>...> watched_;
  bool has_seen_ = false;
};

}  // namespace detail

/// Updates metrics with each batch of an evaluation, from `event.output.outputs` and the batch's target, and records
/// them when the evaluation ends: as `eval_<name>_epoch` after an epoch of training, as `intermediate_eval_<name>`
/// within an epoch, and as `evaluation_<name>` in a run of `evaluate`. An evaluation that a stop cuts short is not
/// recorded. With `.in_training()`, it also records `train_<name>_epoch`, from the outputs of each training step. Put
/// `Metrics` before `LogMetrics` and before callbacks that watch its metrics. With several ranks, each rank is updated
/// with its samples. Recording is collective: it merges the metrics of all ranks, which keep the merged state.
///
/// A metric meets `Metric` and has `update(outputs, target)` or `add_up` (see `AddsUp`). To be merged across ranks and
/// saved in training states, it needs `serialize` or a serializable `state`, or else `sums()` and `add()`; without
/// them, a trainer that does one of the two does not compile.
///
/// **Cost** the cost of the metrics. The sums of metrics with `add_up` stay on the device; the host reads them once per
/// epoch.
/// **Errors** `std::invalid_argument` for two metrics with the same name.
/// **Example** `hone::Metrics{hone::Accuracy{}, hone::TopKAccuracy{.k = 5}}.in_training()`
template <class... Ms>
class Metrics {
  static_assert((true && ... && Metric<Ms>),
                "hone: a metric must be copyable and have `==`, `merge(other)`, `reset()`, `double value() const` and "
                "`name() const`. One of these metrics does not.");

 public:
  static constexpr bool is_collective = true;  ///< Recording merges the metrics of all ranks.

  explicit Metrics(Ms... metrics) : evaluation_(std::move(metrics)...) { require_names(); }
  Metrics()
    requires(sizeof...(Ms) > 0 && (std::is_default_constructible_v<Ms> && ...))
      : Metrics(Ms{}...) {}

  /// Returns the same metrics, which are computed in training too.
  [[nodiscard]] TrainingMetrics<Ms...> in_training() const { return TrainingMetrics<Ms...>(*this); }

  void serialize(auto& archive) { archive("evaluation", evaluation_); }

  void on_eval_epoch_start(const EvalEpochStart&) { evaluation_.start(); }
  void on_eval_step_end(const auto& event) { evaluation_.update(event); }
  void on_eval_epoch_end(const auto& event) {
    if (event.is_complete) {
      evaluation_.record(event);
    } else {
      evaluation_.start();
    }
  }

  /// Returns the metric of type `M`, with the state of the current or most recent evaluation.
  template <class M>
  [[nodiscard]] M& get() {
    return evaluation_.template get<M>();
  }
  /// Calls `function` with each metric of the evaluation, in order.
  void for_each(auto&& function) { evaluation_.for_each(function); }

 private:
  void require_names() {
    std::set<std::string> names;
    for_each([&](const auto& metric) {
      if (names.insert(std::string(metric.name())).second) return;
      throw std::invalid_argument(format_message(
          "Metrics has two metrics with the name `{}`. Rename one of them: hone::named(\"name\", metric).",
          {metric.name()}));
    });
  }

  friend class TrainingMetrics<Ms...>;
  detail::Watch<Ms...> evaluation_;
};

/// `Metrics` of evaluations and of training; constructed by `Metrics{...}.in_training()`.
template <class... Ms>
class TrainingMetrics : public Metrics<Ms...> {
 public:
  static constexpr bool needs_run = true;

  /// Takes the metrics for evaluations; metrics of training start as copies of them.
  explicit TrainingMetrics(const Metrics<Ms...>& metrics) : Metrics<Ms...>(metrics), training_(metrics.evaluation_) {}
  TrainingMetrics()
    requires(std::is_default_constructible_v<Metrics<Ms...>>)
      : TrainingMetrics(Metrics<Ms...>()) {}

  void serialize(auto& archive) {
    Metrics<Ms...>::serialize(archive);
    archive("training", training_);
  }

  void on_train_epoch_start(const TrainEpochStart&) { training_.start(); }
  void on_train_step_end(const auto& event) { training_.update(event); }
  void on_train_epoch_end(const auto& event) { training_.record(event); }

  /// Returns the metric of type `M`, with the state of the current or most recent epoch of training.
  template <class M>
  [[nodiscard]] M& get_training() {
    return training_.template get<M>();
  }
  /// Calls `function` with each metric of training, in order.
  void for_each_training(auto&& function) { training_.for_each(function); }

 private:
  detail::Watch<Ms...> training_;
};

template <class... Ms>
Metrics(Ms...) -> Metrics<Ms...>;

}  // namespace hone
