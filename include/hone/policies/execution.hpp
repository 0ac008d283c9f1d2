// SPDX-License-Identifier: Apache-2.0
/// Policies for the execution of a training step: eager, or captured once in a CUDA graph and replayed.
///
/// | policy | use | incompatible with |
/// |---|---|---|
/// | `Eager` | the default: the step is a function call | none |
/// | `StepCapture<>` | the step is captured in a CUDA graph and replayed | `Cpu`, `Mps`, `Xpu`, `Zero`, communicators other than NCCL, `MicroBatches`, `KeepGradients`, `torch::optim`, `Optimizers`, callbacks with `on_before_optimizer_step` |
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// A policy that executes `compute(batch)`: forward, loss, backward and, if it is due, the update.
template <class P>
concept ExecutionPolicy = PolicyFor<P, slots::Execution> && requires(P& execution, int& batch, int (*compute)(int&)) {
  { execution.run(compute, batch) } -> std::same_as<int>;
};

/// The position of a batch in its accumulation window, the only host state on which captured device work depends.
struct WindowPosition {
  bool begins = true;            ///< The batch is the first of its window.
  bool updates = true;           ///< An update follows.
  std::int64_t num_batches = 1;  ///< Batches per update.
};

/// Optional: captures the device work of a step and replays it for other batches. See `StepCapture`.
template <class P>
concept CapturesSteps = PolicyFor<P, slots::Execution> && requires { requires P::captures_steps; };

/// Calls the step directly.
struct Eager {
  using slot = slots::Execution;
  template <class Compute, class Batch>
  static auto run(Compute&& compute, Batch& batch) {
    return std::forward<Compute>(compute)(batch);
  }
};
static_assert(ExecutionPolicy<Eager> && std::is_empty_v<Eager>);

namespace detail::execution_rules {

HONE_DEFINE_NAMES(run);
HONE_DEFINE_NAMES(captures_steps);
HONE_POLICY_NEEDS(
    has_records_steps, "an execution policy with `captures_steps`", "static constexpr bool captures_steps",
    !names_captures_steps<P> || requires { std::bool_constant<P::captures_steps>{}; });
HONE_POLICY_NEEDS(has_run_of_place, "an execution policy that records steps",
                  "run(place, is_training, may_record, batch, optimizer, forward, between, learn)",
                  !CapturesSteps<P> || names_run<P>);
HONE_POLICY_NEEDS(has_run, "an execution policy", "auto run(compute, batch)", CapturesSteps<P> || ExecutionPolicy<P>);

}  // namespace detail::execution_rules

template <>
struct SlotRequirements<slots::Execution>
    : detail::Requirements<detail::execution_rules::has_records_steps, detail::execution_rules::has_run_of_place,
                           detail::execution_rules::has_run> {};

}  // namespace hone
