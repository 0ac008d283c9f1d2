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
  static_assert(sizeof(Callbacks) == 0,
                "hone: a callback has the hook `on_before_optimizer_step`, which is inside the captured step, where no "
                "host code runs. Use `on_optimizer_step`, or remove StepCapture.");
};

template <class Output>
struct weights_within_capture {
  static_assert(
      sizeof(Output) == 0,
      "hone: StepCapture does not support batches with `num_items` together with GradAccum or Ddp: a captured step "
      "replays the weight that its batch had at capture. Remove GradAccum or Ddp, num_items, or StepCapture.");
};

template <class Batch>
struct host_data_within_capture {
  static_assert(sizeof(Batch) == 0,
                "hone: this batch has members that are not tensors, and a captured step replays the values that they "
                "had at capture. Make them tensors, or remove StepCapture.");
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
