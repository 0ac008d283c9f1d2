// SPDX-License-Identifier: Apache-2.0
/// The check of whether the step of a trainer can be captured.
#pragma once

#include <type_traits>

#include "hone/callbacks/events.hpp"
#include "hone/callbacks/hooks.hpp"
#include "hone/core/fault.hpp"
#include "hone/data/batch.hpp"

namespace hone::detail {

template <class Callbacks>
struct callback_within_capture {
  static_assert(
      sizeof(Callbacks) == 0,
      "hone: a callback listens to `on_before_optimizer_step`, which lies within a recorded step, where nothing "
      "of the host's happens. Listen to `on_optimizer_step`, or leave StepCapture out.");
};

template <class Output>
struct weights_within_capture {
  static_assert(
      sizeof(Output) == 0,
      "hone: batches that count by `num_items` cannot be accumulated, or shared among processes, in recorded "
      "steps, where each counts as it did when it was recorded. Leave GradAccum or Ddp, num_items or StepCapture "
      "out.");
};

template <class Batch>
struct host_data_within_capture {
  static_assert(sizeof(Batch) == 0,
                "hone: this batch has members that are no tensors, and a recorded step would see for ever those of the "
                "batch that was recorded. Make them tensors, or leave StepCapture out.");
};

/// Returns the type with the message for the first problem, without instantiating it.
template <class Callbacks, class Self, class Batch, class Output, bool weighs>
consteval auto capture_fault() {
  using Before = EventContext<BeforeOptimizerStep, WithTrainer<Self>>;
  if constexpr (Callbacks::template forwards<Before> ||
                Callbacks::template forwards<
                    EventContext<BeforeOptimizerStep, WithTrainer<Self>, WithClipped<at::Tensor>>>) {
    return std::type_identity<callback_within_capture<Callbacks>>{};
  } else if constexpr (!holds_only_tensors<Batch>()) {
    return std::type_identity<host_data_within_capture<Batch>>{};
  } else if constexpr (weighs && requires(const Output& output) { output.num_items; }) {
    return std::type_identity<weights_within_capture<Output>>{};
  } else {
    return std::type_identity<NoFault>{};
  }
}

/// True, or a compile-time error with one message.
template <class Callbacks, class Self, class Batch, class Output, bool weighs>
inline constexpr bool capturable = without_fault<decltype(capture_fault<Callbacks, Self, Batch, Output, weighs>())>;

}  // namespace hone::detail
