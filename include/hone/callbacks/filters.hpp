// SPDX-License-Identifier: Apache-2.0
/// Filters: callbacks that wrap a callback and select the events that it handles.
///
/// | filter | the callback handles |
/// | --- | --- |
/// | `every<100>(callback)` | of the events of a step, each 100th of its kind in a run; all other events |
/// | `every_epochs<5>(callback)` | of the events within a training epoch, only in epochs 5, 10, ...; all other events |
/// | `once_at(100, callback)` | of the events of a step, the 100th of its kind in a run; all other events |
/// | `rank_zero(callback)` | all events, on rank 0 only |
/// | `on<TrainStepEnd>(function)` | events of one type, by a call of the function |
///
/// A callback with collective operations declares `static constexpr bool is_collective = true`. `rank_zero` does not
/// compile with it.
///
/// "All other events" are the starts and ends of runs and epochs, stops, exceptions, checkpoints, and user-defined
/// events. Filters can be nested, and accept a set and `std::ref(callback)`.
///
/// **Cost** none for an event that the callback does not handle; for a handled step event, one counter increment.
/// **Example**
/// ```cpp
/// hone::every<100>(hone::on<hone::TrainStepEnd>([](const auto& event) {
///   fmt::print("{}\n", event.output.loss.template item<double>());
/// }))
/// ```
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "hone/callbacks/callback_set.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"

namespace hone {

namespace detail {

template <class E, class... Events>
inline constexpr bool is_one_of = (false || ... || std::is_same_v<PlainEventOf<E>, Events>);

/// The index of the counter of a step event; `num_step_events` for any other event.
inline constexpr std::size_t num_step_events = 9;
template <class E>
inline constexpr std::size_t step_event_index = [] {
  constexpr bool is_it[] = {
      is_one_of<E, TrainStepStart>, is_one_of<E, TrainLoss>,        is_one_of<E, BeforeOptimizerStep>,
      is_one_of<E, OptimizerStep>,  is_one_of<E, TrainStepEnd>,     is_one_of<E, EvalStepStart>,
      is_one_of<E, EvalStepEnd>,    is_one_of<E, PredictStepStart>, is_one_of<E, PredictStepEnd>};
  static_assert(std::size(is_it) == num_step_events);
  std::size_t i = 0;
  while (i < num_step_events && !is_it[i]) ++i;
  return i;
}();
template <class E>
inline constexpr bool is_step_event = step_event_index<E> < num_step_events;

/// The number of counters: one for each step event, then two for the step events of a run of `evaluate`. A training
/// run, a run of `evaluate`, and a run of `predict` can be open at the same time; each counts from its start.
inline constexpr std::size_t num_step_counters = num_step_events + 2;
template <class E>
[[nodiscard]] std::size_t step_counter(const E& event) {
  if constexpr (is_one_of<E, EvalStepStart, EvalStepEnd>) {
    if (event.run.phase() == Phase::evaluation) return num_step_events + (is_one_of<E, EvalStepEnd> ? 1 : 0);
  }
  return step_event_index<E>;
}

template <class E>
inline constexpr bool is_run_start = is_one_of<E, TrainingRunStart, EvaluationRunStart, PredictRunStart>;

/// True for events that can occur within an epoch of a training run.
template <class E>
inline constexpr bool is_in_epoch =
    (is_step_event<E> && !is_one_of<E, PredictStepStart, PredictStepEnd>) ||
    is_one_of<E, TrainEpochStart, TrainEpochEnd, EvalEpochStart, EvalEpochEnd, TrainingRunEpochEnd>;

template <class C>
void tell_if_heard(C& callback, const auto& event) {
  if constexpr (hone::handles<C, std::remove_cvref_t<decltype(event)>>) hone::notify(callback, event);
}

/// Forwards the step events for whose number in the run, counted from 1, `Chooses` returns true, and all other events.
template <class C, class Chooses>
class Counted {
  static_assert(checked_callback<C> && has_no_limit<C>);

 public:
  using event_forwarder = void;
  static constexpr bool needs_run = NeedsRun<C>;
  using wrapped = C;
  template <class E>
  static constexpr bool forwards = hone::handles<C, E> || is_run_start<E>;

  Counted(C callback, Chooses chooses) : callback_(std::move(callback)), chooses_(chooses) {}

  template <class E>
  void notify(const E& event) {
    if constexpr (is_run_start<E>) restart<E>();
    if constexpr (is_step_event<E>) {
      if (!chooses_(++counts_[step_counter(event)])) return;
    }
    tell_if_heard(callback_, event);
  }

  void serialize(auto& archive) {
    serialize_counts(archive, "counts", counts_);
    serialize_state(archive, "callback", callback_);
  }

  /// Returns the callback in the filter.
  [[nodiscard]] C& callback() { return callback_; }

 private:
  template <class E>
  void restart() {
    const auto of_predict = counts_.begin() + step_event_index<PredictStepStart>;
    const auto of_evaluation = counts_.begin() + num_step_events;
    if constexpr (is_one_of<E, TrainingRunStart>) std::fill(counts_.begin(), of_predict, 0);
    if constexpr (is_one_of<E, PredictRunStart>) std::fill(of_predict, of_evaluation, 0);
    if constexpr (is_one_of<E, EvaluationRunStart>) std::fill(of_evaluation, counts_.end(), 0);
  }

  C callback_;
  [[no_unique_address]] Chooses chooses_;
  std::array<std::int64_t, num_step_counters> counts_{};
};

template <std::int64_t n>
struct IsMultiple {
  constexpr bool operator()(std::int64_t number) const { return number % n == 0; }
};
struct Is {
  std::int64_t n;
  constexpr bool operator()(std::int64_t number) const { return number == n; }
};

template <std::int64_t n, class C>
class EveryEpochs {
  static_assert(checked_callback<C> && has_no_limit<C>);

 public:
  using event_forwarder = void;
  static constexpr bool needs_run = NeedsRun<C>;
  using wrapped = C;
  template <class E>
  static constexpr bool forwards = hone::handles<C, E>;

  explicit EveryEpochs(C callback) : callback_(std::move(callback)) {}

  template <class E>
  void notify(const E& event) {
    if constexpr (is_in_epoch<E>) {
      if (is_of_training(event.run.phase()) && event.run.epoch() % n != 0) return;
    }
    hone::notify(callback_, event);
  }

  void serialize(auto& archive)
    requires RemembersState<C>
  {
    serialize_state(archive, "callback", callback_);
  }

  /// Returns the callback in the filter.
  [[nodiscard]] C& callback() { return callback_; }

 private:
  [[no_unique_address]] C callback_;
};

/// True if a callback, or the callback in a filter, declares `is_collective`: all ranks must call its hooks.
template <class C>
inline constexpr bool is_collective = [] {
  if constexpr (requires { requires C::is_collective; }) {
    return true;
  } else if constexpr (requires { typename C::wrapped; }) {
    return is_collective<typename C::wrapped>;
  } else {
    return false;
  }
}();

template <class C>
class RankZero {
  static_assert(checked_callback<C> && has_no_limit<C>);
  static_assert(!is_collective<C>,
                "hone: this callback makes collective calls, which all ranks must make. Use it without rank_zero: only "
                "rank 0 prints and writes files anyway.");

 public:
  using event_forwarder = void;
  static constexpr bool needs_run = NeedsRun<C>;
  using wrapped = C;
  template <class E>
  static constexpr bool forwards = hone::handles<C, E>;

  explicit RankZero(C callback) : callback_(std::move(callback)) {}

  template <class E>
  void notify(const E& event) {
    if constexpr (requires { event.run.is_world_process_zero(); }) {
      if (event.run.is_world_process_zero()) hone::notify(callback_, event);
    } else {
      static_assert(sizeof(E) == 0,
                    "hone: rank_zero requires an event with a member `run`. Derive the event from hone::Event.");
    }
  }

  void serialize(auto& archive)
    requires RemembersState<C>
  {
    serialize_state(archive, "callback", callback_);
  }

  /// Returns the callback in the filter.
  [[nodiscard]] C& callback() { return callback_; }

 private:
  [[no_unique_address]] C callback_;
};

template <class Event, class F>
class On {
 public:
  using event_forwarder = void;
  template <class E>
  static constexpr bool forwards = std::is_same_v<PlainEventOf<E>, Event>;

  explicit On(F function) : function_(std::move(function)) {}

  template <class E>
  void notify(const E& event) {
    if constexpr (std::is_invocable_v<F&, const E&>) {
      std::invoke(function_, event);
    } else {
      static_assert(sizeof(E) == 0,
                    "hone: the function passed to on<Event>(function) cannot be called with that event. Declare its "
                    "parameter as `const auto& event`.");
    }
  }

 private:
  [[no_unique_address]] F function_;
};

}  // namespace detail

/// Returns a filter of the events of a step: `callback` handles the n-th, 2n-th, ... event of each kind in a run.
template <std::int64_t n, class C>
  requires(n >= 1)
[[nodiscard]] auto every(C callback) {
  return detail::Counted<CallbackOf<C>, detail::IsMultiple<n>>{std::move(callback), {}};
}

/// Returns a filter of epochs: `callback` handles the events within epochs n, 2n, ... of training, which include the
/// events of steps and evaluations.
template <std::int64_t n, class C>
  requires(n >= 1)
[[nodiscard]] auto every_epochs(C callback) {
  return detail::EveryEpochs<n, CallbackOf<C>>{std::move(callback)};
}

/// Returns a filter of the events of a step: `callback` handles the n-th event of each kind in a run; the first is 1.
///
/// **Errors** `std::invalid_argument` when `n` < 1.
template <class C>
[[nodiscard]] auto once_at(std::int64_t n, C callback) {
  if (n < 1)
    throw std::invalid_argument(format_message("The number passed to once_at is {}. Set it to 1 or greater.", {n}));
  return detail::Counted<CallbackOf<C>, detail::Is>{std::move(callback), {n}};
}

/// Returns a filter of ranks: `callback` handles events on rank 0 only.
template <class C>
[[nodiscard]] auto rank_zero(C callback) {
  return detail::RankZero<CallbackOf<C>>{std::move(callback)};
}

/// Returns a callback that calls `function` with each event `E`, an event of the loop or a user-defined event.
///
/// **Errors** at compile time, one message, when the function cannot be called with the event.
template <class E, class F>
[[nodiscard]] auto on(F function) {
  return detail::On<E, F>{std::move(function)};
}

}  // namespace hone
