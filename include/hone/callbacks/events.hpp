// SPDX-License-Identifier: Apache-2.0
/// What can be heard. Every event carries the run; what else it carries is a reference and lives as long as the call.
///
/// The types here are plain. What the trainer tells is one of them, extended by the trainer itself and by what is at
/// hand at that moment (`event.trainer`, `event.batch`, `event.output`, ...), so a hook may ask for as much as it needs:
/// `void on_train_step_end(const hone::TrainStepEnd& event)` compiles without LibTorch,
/// `void on_train_step_end(const auto& event)` sees the tensors.
#pragma once

#include <exception>
#include <string_view>
#include <type_traits>

#include "hone/callbacks/run.hpp"

namespace hone {

/// The base of every event of the loop.
struct Event {
  Run& run;
};

// clang-format off: a table
struct InitEnd : Event {};             ///< The trainer is ready.                                      `trainer`
struct TrainingRunStart : Event {};    ///< Options are resolved, nothing has been computed.           `trainer`
struct TrainEpochStart : Event {};     ///< The model is in training mode.                             `trainer`
struct TrainStepStart : Event {};      ///< A batch has arrived.                                       `trainer` `batch`
struct TrainLoss : Event {};           ///< Forward and loss are done, backward is not.                `trainer` `batch` `output`
struct BeforeOptimizerStep : Event {}; ///< Gradients are final: reduced, unscaled, clipped.           `trainer` `clipped`
struct OptimizerStep : Event {};       ///< The weights have changed.                                  `trainer`
struct TrainStepEnd : Event {};        ///< The batch is done, with its update if it was due.          `trainer` `batch` `output` `evaluate`
struct ResumePoint : Event {           ///< All is told; a training state can be taken here.             `trainer`
  bool is_last;                        ///< The run goes no further than this.
};
struct TrainEpochEnd : Event {         ///< The mean loss of the epoch is recorded.                    `trainer`
  double loss;                         ///< Mean over samples, in the unit of the loss.
};
struct EvalEpochStart : Event {};      ///< The model is in evaluation mode.                           `trainer`
struct EvalStepStart : Event {};       ///< A batch has arrived.                                       `trainer` `batch`
struct EvalStepEnd : Event {};         ///< The batch is evaluated.                                    `trainer` `batch` `output`
struct EvalEpochEnd : Event {          ///< The mean loss of the evaluation is recorded.               `trainer`
  double loss;                         ///< Mean over samples, in the unit of the loss; NaN when incomplete.
  bool is_complete = true;             ///< False when a stop cut the evaluation short: nothing is recorded then.
};
struct TrainingRunEpochEnd : Event {};  ///< Training and evaluation of one epoch are over.             `trainer` `evaluate`
struct TrainingRunEnd : Event {};      ///< The run is over, also when it was stopped.                 `trainer`
struct EvaluationRunStart : Event {};  ///< A run of `evaluate` begins.                                `trainer`
struct EvaluationRunEnd : Event {};    ///< A run of `evaluate` is over.                               `trainer`
struct PredictRunStart : Event {};     ///< A run of `predict` begins.                                 `trainer`
struct PredictStepStart : Event {};    ///< A batch has arrived.                                       `trainer` `batch`
struct PredictStepEnd : Event {};      ///< The outputs of a batch are there.                          `trainer` `batch` `outputs`
struct PredictRunEnd : Event {};       ///< A run of `predict` is over.                                `trainer`
struct StopTraining : Event {};        ///< A requested stop takes effect; `run.stop_reason()` says why. `trainer`
struct ExceptionThrown : Event {       ///< An exception leaves the run and will reach the caller.     `trainer`
  std::exception_ptr exception;
};
// clang-format on
struct SaveCheckpoint : Event {};  ///< A checkpoint is put together and may be added to.          `trainer` `state`
struct LoadCheckpoint : Event {};  ///< A checkpoint has been loaded.                              `trainer` `state`

/// What an event of the loop may carry beside the run.
template <class T>
struct WithTrainer {
  T& trainer;
};
template <class B>
struct WithBatch {
  B& batch;
};
/// `output.loss` (one number), `output.batch_size` (samples), and whatever else the loss step returned.
template <class O>
struct WithOutput {
  const O& output;
};
template <class O>
struct WithOutputs {
  const O& outputs;  ///< What the model returned.
};
template <class C>
struct WithClipped {
  const C& clipped;  ///< What the clipping policy returned, for `ClipNorm` the norm before clipping.
};
/// With several losses (`Losses`): the one that the event is about.
struct WithObjective {
  std::string_view objective;  ///< Its name.
};

/// `event.state` is the checkpoint's dictionary (`hone::Dict`): to be added to while it is saved, to be read when it is
/// loaded.
template <class S>
struct WithState {
  S& state;
};

/// `event.evaluate(metric, listeners)` goes over the run's evaluation data, records the mean loss as `metric` and tells
/// its events to `listeners`, a set of callbacks; without them, to the trainer's own. Then the run is where it was: the
/// modes, the phase, the batch at hand. Within an epoch of training the phase is `intermediate_eval` meanwhile. Nothing
/// happens in a run that does not evaluate, and where `trainer.step` is called.
template <class F>
struct WithEvaluation {
  const F& evaluate;
};

/// Events for the callbacks of an average such as `ModelEma`: at the end of an epoch, the weights in the model are the
/// average's.
struct WithAverage {
  bool average_is_evaluated;  ///< Evaluations of the average are recorded.
};

/// An event as the trainer tells it: the plain event `E` and what is at hand.
template <class E, class... Facets>
struct Told : E, Facets... {
  using event = E;
};

namespace detail {

template <class E>
struct PlainEvent {
  using type = E;
};
template <class E, class... Facets>
struct PlainEvent<Told<E, Facets...>> {
  using type = E;
};

}  // namespace detail

/// The same event with one facet more.
template <class Facet, class E, class... Facets>
[[nodiscard]] Told<E, Facets..., Facet> with_facet(const Told<E, Facets...>& event, const Facet& facet) {
  return {static_cast<const E&>(event), static_cast<const Facets&>(event)..., facet};
}

/// The plain event inside a told one; an event that was never extended is its own.
template <class E>
using PlainEventOf = typename detail::PlainEvent<std::remove_cv_t<E>>::type;

}  // namespace hone
