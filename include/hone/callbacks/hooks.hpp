// SPDX-License-Identifier: Apache-2.0
/// Hooks: the member functions of a callback that handle events. A hook accepts one event by const reference and
/// returns void; it can be a template. A callback needs no base class and no registration.
///
/// The detection, the call, and the compile-time message for a hook that cannot be called are generated from one table.
#pragma once

#include <concepts>

#include "hone/callbacks/events.hpp"
#include "hone/core/member_detection.hpp"

// clang-format off
#define HONE_HOOKS(X)                                   \
  X(on_init_end, InitEnd)                               \
  X(on_training_run_start, TrainingRunStart)            \
  X(on_train_epoch_start, TrainEpochStart)              \
  X(on_train_step_start, TrainStepStart)                \
  X(on_train_loss, TrainLoss)                           \
  X(on_before_optimizer_step, BeforeOptimizerStep)      \
  X(on_optimizer_step, OptimizerStep)                   \
  X(on_train_step_end, TrainStepEnd)                    \
  X(on_resume_point, ResumePoint)                       \
  X(on_train_epoch_end, TrainEpochEnd)                  \
  X(on_eval_epoch_start, EvalEpochStart)                \
  X(on_eval_step_start, EvalStepStart)                  \
  X(on_eval_step_end, EvalStepEnd)                      \
  X(on_eval_epoch_end, EvalEpochEnd)                    \
  X(on_training_run_epoch_end, TrainingRunEpochEnd)     \
  X(on_training_run_end, TrainingRunEnd)                \
  X(on_evaluation_run_start, EvaluationRunStart)        \
  X(on_evaluation_run_end, EvaluationRunEnd)            \
  X(on_predict_run_start, PredictRunStart)              \
  X(on_predict_step_start, PredictStepStart)            \
  X(on_predict_step_end, PredictStepEnd)                \
  X(on_predict_run_end, PredictRunEnd)                  \
  X(on_stop_training, StopTraining)                     \
  X(on_exception, ExceptionThrown)                      \
  X(on_save_checkpoint, SaveCheckpoint)                 \
  X(on_load_checkpoint, LoadCheckpoint)
// clang-format on

namespace hone {

namespace hooks {

#define HONE_DEFINE_HOOK(hook, Event)                                                                         \
  HONE_DEFINE_NAMES(hook);                                                                                    \
  struct hook##_hook {                                                                                        \
    template <class C>                                                                                        \
    static constexpr bool named = names_##hook<C>;                                                            \
    template <class C, class E>                                                                               \
    static constexpr bool callable = requires(C& callback, const E& event) {                                  \
      { callback.hook(event) } -> std::same_as<void>;                                                         \
    };                                                                                                        \
    template <class C, class E>                                                                               \
    static void call(C& callback, const E& event) {                                                           \
      callback.hook(event);                                                                                   \
    }                                                                                                         \
    template <class C>                                                                                        \
    struct incompatible_with {                                                                                \
      static_assert(!named<C>, "hone: `" #hook "` cannot be called as `void " #hook "(const " #Event "&)`."); \
    };                                                                                                        \
  };

HONE_HOOKS(HONE_DEFINE_HOOK)
HONE_DEFINE_HOOK(on_event, MyEvent)  // a user-defined event
#undef HONE_DEFINE_HOOK

}  // namespace hooks

namespace detail {

template <class PlainEvent>
struct HookOf {
  using type = hooks::on_event_hook;
};
#define HONE_MAP_EVENT(hook, Event)  \
  template <>                        \
  struct HookOf<Event> {             \
    using type = hooks::hook##_hook; \
  };
HONE_HOOKS(HONE_MAP_EVENT)
#undef HONE_MAP_EVENT

}  // namespace detail

/// The hook that handles the event `E`: a hook of the table, or `on_event` for a user-defined event.
template <class E>
using HookOf = typename detail::HookOf<PlainEventOf<E>>::type;

/// A callback that forwards events, such as a set or a filter: `forwards<E>` is true for an event that it handles, and
/// `notify(event)` forwards the event.
template <class C>
concept EventForwarder = requires { typename C::event_forwarder; };

/// True if `C` handles the event `E`, plain or with facets.
template <class C, class E>
inline constexpr bool handles = [] {
  if constexpr (EventForwarder<C>) {
    return C::template forwards<E>;
  } else {
    return HookOf<E>::template callable<C, E>;
  }
}();

/// True if `C` handles at least one plain event of the table, or has a member `on_event`.
template <class C>
inline constexpr bool handles_any_event = [] {
#define HONE_OR_HEARS(hook, Event) || handles<C, Event>
  return false HONE_HOOKS(HONE_OR_HEARS) || hooks::on_event_hook::named<C>;
#undef HONE_OR_HEARS
}();

}  // namespace hone
