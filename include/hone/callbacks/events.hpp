// SPDX-License-Identifier: Apache-2.0
/// Events of a run. Every event contains a reference to the run. References in an event are valid during the call only.
///
/// The types here are plain events. The trainer extends a plain event by facets, such as references to the trainer, the
/// batch, and the output (`event.trainer`, `event.batch`, `event.output`). A hook chooses how much it depends on:
/// `void on_train_step_end(const hone::TrainStepEnd& event)` compiles without LibTorch,
/// `void on_train_step_end(const auto& event)` has access to the tensors.
#pragma once

#include <exception>
#include <string_view>
#include <type_traits>

#include "hone/callbacks/run.hpp"

namespace hone {

/// The base of every event of the loop.
struct Event {
  Run& run;  ///< The run that dispatches the event.
};

// clang-format off: a table
struct InitEnd : Event {};             ///< The trainer is constructed.                                `trainer`
struct TrainingRunStart : Event {};    ///< Options are resolved; nothing is computed yet.             `trainer`
struct TrainEpochStart : Event {};     ///< The model is in training mode.                             `trainer`
struct TrainStepStart : Event {};      ///< A batch was moved to the device.                           `trainer` `batch`
struct TrainLoss : Event {};           ///< The loss is computed; the update has not begun.            `trainer` `batch` `output`
struct BeforeOptimizerStep : Event {}; ///< Gradients are final: reduced, unscaled, clipped.           `trainer` `clipped`
struct OptimizerStep : Event {};       ///< The update is done; loss scaling may have skipped it. The optimizer
                                       ///< has the update's learning rates until a checkpoint is made.    `trainer`
struct TrainStepEnd : Event {};        ///< The batch is done, with its update if one was due.         `trainer` `batch` `output` `evaluate`
struct ResumePoint : Event {           ///< After a batch or an epoch; a training state can be saved.  `trainer`
  bool is_last;                        ///< True if no batch of the run follows.
};
struct TrainEpochEnd : Event {         ///< The mean loss of the epoch is recorded.                    `trainer`
  double loss;                         ///< Mean over samples, in the unit of the loss.
};
struct EvalEpochStart : Event {};      ///< The model is in evaluation mode.                           `trainer`
struct EvalStepStart : Event {};       ///< A batch was moved to the device.                           `trainer` `batch`
struct EvalStepEnd : Event {};         ///< The batch is evaluated.                                    `trainer` `batch` `output`
struct EvalEpochEnd : Event {          ///< The mean loss of the evaluation is recorded.               `trainer`
  double loss;                         ///< Mean over samples, in the unit of the loss; NaN when incomplete.
  bool is_complete = true;             ///< False if a stop cut the evaluation short; then nothing is recorded.
};
struct TrainingRunEpochEnd : Event {};  ///< Training and evaluation of one epoch are over.            `trainer` `evaluate`
struct TrainingRunEnd : Event {};      ///< The run is over, also when it was stopped.                 `trainer`
struct EvaluationRunStart : Event {};  ///< A run of `evaluate` begins.                                `trainer`
struct EvaluationRunEnd : Event {};    ///< A run of `evaluate` is over.                               `trainer`
struct PredictRunStart : Event {};     ///< A run of `predict` begins.                                 `trainer`
struct PredictStepStart : Event {};    ///< A batch was moved to the device.                           `trainer` `batch`
struct PredictStepEnd : Event {};      ///< The outputs of a batch are computed.                       `trainer` `batch` `outputs`
struct PredictRunEnd : Event {};       ///< A run of `predict` is over.                                `trainer`
struct StopTraining : Event {};        ///< A requested stop ends the run; see `run.stop_reason()`.    `trainer`
struct ExceptionThrown : Event {       ///< An exception leaves the run, and the caller receives it.   `trainer`
  std::exception_ptr exception;
};
// clang-format on
struct SaveCheckpoint : Event {};  ///< A checkpoint is assembled; a handler can add entries.       `trainer` `state`
struct LoadCheckpoint : Event {};  ///< A checkpoint was loaded.                                    `trainer` `state`

/// The facets of events. Each adds one reference or value to a plain event.
template <class T>
struct WithTrainer {
  T& trainer;
};
/// `event.batch`: the batch.
template <class B>
struct WithBatch {
  B& batch;
};
/// `output.loss` (one number), `output.batch_size` (samples), and any other members that the loss step returned.
template <class O>
struct WithOutput {
  const O& output;
};
/// `event.outputs`: the result of a prediction.
template <class O>
struct WithOutputs {
  const O& outputs;  ///< The return value of the model.
};
/// `event.clipped`: the result of clipping the gradients.
template <class C>
struct WithClipped {
  const C& clipped;  ///< The return value of the clipping policy; for `ClipNorm`, the norm before clipping.
};
/// With several losses (`Losses`), the loss that the event is about.
struct WithObjective {
  std::string_view objective;  ///< Its name.
};

/// `event.state` is the checkpoint's dictionary (`hone::Dict`): mutable in `SaveCheckpoint`, const in `LoadCheckpoint`.
template <class S>
struct WithState {
  S& state;
};

/// `event.evaluate(metric, listeners)` evaluates on the run's evaluation data, records the mean loss as `metric`, and
/// dispatches the events to `listeners`, a set of callbacks; without `listeners`, to the trainer's callbacks. It then
/// restores the module modes, the phase, and the position in the epoch. Within an epoch of training, the phase of the
/// evaluation is `intermediate_eval`. A no-op in a run without evaluation data and after a stop takes effect. Events
/// of `trainer.step` do not have this member.
template <class F>
struct WithEvaluation {
  const F& evaluate;
};

/// Added to the events that an averaging callback such as `ModelEma` forwards to its callbacks. In its
/// `TrainingRunEpochEnd`, the model has the averaged weights.
struct WithAverage {
  bool average_is_evaluated;          ///< True if the averaged weights are evaluated.
  std::string_view average_prefix{};  ///< The prefix of the metrics of that evaluation.
};

/// An event as the trainer dispatches it: the plain event `E`, extended by `Facets`.
template <class E, class... Facets>
struct EventContext : E, Facets... {
  using event = E;
};

namespace detail {

template <class E>
struct PlainEvent {
  using type = E;
};
template <class E, class... Facets>
struct PlainEvent<EventContext<E, Facets...>> {
  using type = E;
};

}  // namespace detail

/// Returns the same event with one more facet.
template <class Facet, class E, class... Facets>
[[nodiscard]] EventContext<E, Facets..., Facet> with_facet(const EventContext<E, Facets...>& event,
                                                           const Facet& facet) {
  return {static_cast<const E&>(event), static_cast<const Facets&>(event)..., facet};
}

/// The plain event type of an event, with or without facets.
template <class E>
using PlainEventOf = typename detail::PlainEvent<std::remove_cv_t<E>>::type;

}  // namespace hone
