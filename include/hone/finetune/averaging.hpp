// SPDX-License-Identifier: Apache-2.0
/// The common implementation of the callbacks that average a model's weights.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hone/callbacks/callback_set.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"
#include "hone/finetune/model_average.hpp"

namespace hone {

/// The state of `ModelEma` and `Swa`.
struct AveragingState {
  AverageState average;           ///< The average.
  std::int64_t num_notified = 0;  ///< The number of updates, or of epochs, since the average started.
};

namespace detail {

/// The settings of `Averaging`: when to update the average, and how to use it.
struct AveragingPlan {
  std::string_view owner;
  bool counts_epochs = false;
  std::int64_t begin = 0;  // averaging starts from the model's values after this update or epoch
  std::int64_t first = 1;  // the update or epoch of the first update of the average
  std::int64_t every = 1;
  bool evaluate = true;
  bool apply_at_end = false;
  bool reset_on_train = true;
  std::string prefix;
  std::function<void()> refresh;

  [[nodiscard]] bool is_due(std::int64_t number) const { return number >= first && (number - first) % every == 0; }
};

/// RAII: appends to the history's prefix of metric names; the destructor restores the prefix.
class PrefixGuard {
 public:
  PrefixGuard(RunHistory& history, const std::string& prefix)
      : history_(history), before_(history.metric_name_prefix()) {
    history_.set_metric_name_prefix(before_ + prefix);
  }
  ~PrefixGuard() { history_.set_metric_name_prefix(std::move(before_)); }
  PrefixGuard(const PrefixGuard&) = delete;
  PrefixGuard& operator=(const PrefixGuard&) = delete;

 private:
  RunHistory& history_;
  std::string before_;
};

/// Handles the events of a training run. Copies share their state, so the caller's copy gives access to the average
/// that the trainer's copy updates.
template <AveragingRule Rule, class Listeners>
class Averaging {
 public:
  using Average = ModelAverage<Rule>;

  Averaging(AveragingPlan plan, const Rule& rule, Listeners listeners)
      : shared_(std::make_shared<Shared>(std::move(plan), rule, std::move(listeners))) {
    rule.check();
    const auto& given = shared_->plan;
    if (given.every < 1 || given.begin < 0) {
      throw std::invalid_argument(
          format_message("{} begins after {} updates or epochs and averages every {}. Set the beginning to 0 or "
                         "greater, and the interval to 1 or greater.",
                         {given.owner, given.begin, given.every}));
    }
  }

  /// Returns the average.
  ///
  /// **Errors** `std::logic_error` before the first run.
  [[nodiscard]] Average& average() {
    if (!shared_->average) {
      throw std::logic_error(
          format_message("{} has not averaged any weights yet. Train first.", {shared_->plan.owner}));
    }
    return *shared_->average;
  }
  /// Returns the callbacks that receive the events of the evaluations with averaged weights.
  [[nodiscard]] Listeners& listeners() { return shared_->listeners; }

  /// Returns the state; tensors are not copied. Before the first run it is empty, unless `load_state` was called.
  [[nodiscard]] AveragingState state() const {
    if (shared_->loaded) return *shared_->loaded;
    if (!shared_->average) return {};
    return {shared_->average->state(), shared_->num_notified};
  }
  /// Sets the state that the next run starts from. The run copies the tensors when it starts.
  void load_state(AveragingState state) { shared_->loaded = std::move(state); }

  void serialize(auto& archive) {
    bool has_average = shared_->average.has_value();
    archive("has_average", has_average);
    AveragingState all = archive.is_loading ? AveragingState{} : state();
    if (has_average) {
      archive("tensors", all.average.tensors);
      serialize_count(archive, "num_averaged", all.average.num_averaged);
      serialize_count(archive, "num_notified", all.num_notified);
    }
    if (has_average && archive.is_loading) {
      load_state(std::move(all));
      if (shared_->average) take_loaded();
    }
    serialize_state(archive, "callbacks", shared_->listeners);
  }

  void on_training_run_start(const auto& event) {
    auto& shared = *shared_;
    if (!shared.average || shared.plan.reset_on_train || shared.loaded) {
      shared.average.emplace(event.trainer.model(), shared.rule);
      shared.num_notified = 0;
    }
    if (shared.loaded) take_loaded();
    forward_event(event);
  }

  void on_optimizer_step(const auto& event) {
    if (!shared_->plan.counts_epochs) count(event.trainer.model());
  }
  void on_train_epoch_end(const auto& event) {
    if (shared_->plan.counts_epochs) count(event.trainer.model());
  }

  void on_eval_epoch_end(const auto& event) {
    if (event.run.phase() == Phase::eval && event.is_complete) shared_->evaluated_epoch = event.run.epoch();
  }

  /// With the averaged weights in the model, evaluates if the epoch was evaluated without them, and notifies the
  /// listeners.
  void on_training_run_epoch_end(const auto& event) {
    auto& shared = *shared_;
    auto& model = event.trainer.model();
    const bool evaluates = shared.plan.evaluate && shared.evaluated_epoch == event.run.epoch();
    shared.evaluated_epoch = 0;
    if (!evaluates && std::is_same_v<Listeners, CallbackSet<>>) return;
    if (shared.num_notified < shared.plan.begin) shared.average->set(model);
    const AveragedWeights averaged(*shared.average, model);
    if (shared.plan.refresh) shared.plan.refresh();
    if (evaluates) {
      const PrefixGuard prefix(event.run.history(), shared.plan.prefix);
      event.evaluate(std::string_view("eval_loss_epoch"), shared.listeners);
    }
    forward_event(event);
  }

  void on_training_run_end(const auto& event) {
    auto& shared = *shared_;
    if (shared.plan.apply_at_end && shared.average->num_averaged() > 0) {
      shared.average->copy_to(event.trainer.model());
      if (shared.plan.refresh) shared.plan.refresh();
      event.run.set_has_averaged_model();
    }
    forward_event(event);
  }

 private:
  void take_loaded() {
    shared_->average->load_state(shared_->loaded->average);
    shared_->num_notified = shared_->loaded->num_notified;
    shared_->loaded.reset();
  }

  struct Shared {
    Shared(AveragingPlan how, const Rule& with, Listeners which)
        : plan(std::move(how)), rule(with), listeners(std::move(which)) {}

    AveragingPlan plan;
    Rule rule;
    Listeners listeners;
    std::optional<Average> average{};
    std::optional<AveragingState> loaded{};
    std::int64_t num_notified = 0;
    std::int64_t evaluated_epoch = 0;
  };

  template <class Model>
  void count(const Model& model) {
    auto& shared = *shared_;
    if (!shared.average) {
      throw std::logic_error(
          format_message("{} averages the weights during a run, but no run has begun. Begin one before your loop: "
                         "`auto run = trainer.begin_run();`, then call `run.step(batch)` and `run.end()`.",
                         {shared.plan.owner}));
    }
    ++shared.num_notified;
    if (shared.plan.is_due(shared.num_notified)) {
      shared.average->update(model);
    } else if (shared.num_notified == shared.plan.begin) {
      shared.average->set(model);
    }
  }

  template <class E>
  void forward_event(const E& event) {
    using ForwardedEvent = decltype(with_facet(event, WithAverage{}));
    if constexpr (Listeners::template forwards<ForwardedEvent>) {
      shared_->listeners.notify(with_facet(event, WithAverage{shared_->plan.evaluate, shared_->plan.prefix}));
    }
  }

  std::shared_ptr<Shared> shared_;
};

}  // namespace detail

}  // namespace hone
