// SPDX-License-Identifier: Apache-2.0
/// Whether a step runs as it is written, or was recorded once and is replayed.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `Eager` | the default: the step is a function call | none |
/// | `StepCapture<>` | the step is recorded into a CUDA graph and replayed | a device that is the host's own, `Zero`, communicators other than NCCL, `torch::optim`, listeners to `on_before_optimizer_step` |
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// Runs the arithmetic of a step, `compute(batch)`: forward, loss, backward and, when it is due, the update.
template <class P>
concept ExecutionPolicy = PolicyFor<P, slots::Execution> && requires(P& execution, int& batch, int (*compute)(int&)) {
  { execution.run(compute, batch) } -> std::same_as<int>;
};

/// Where a batch stands in its accumulation window. What the device does for it depends on nothing else of the host's.
struct WindowPlace {
  bool begins = true;            ///< No gradient is there yet.
  bool updates = true;           ///< The optimizer's update follows.
  std::int64_t num_batches = 1;  ///< Batches to an update.
};

/// Optional ability: records what the device does in a step and does it again for other batches. See `StepCapture`.
template <class P>
concept RecordsSteps = PolicyFor<P, slots::Execution> && requires { requires P::records_steps; };

/// Calls the step.
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
HONE_DEFINE_NAMES(records_steps);
HONE_POLICY_NEEDS(
    has_records_steps, "an execution policy with `records_steps`", "static constexpr bool records_steps",
    !names_records_steps<P> || requires { std::bool_constant<P::records_steps>{}; });
HONE_POLICY_NEEDS(has_run_of_place, "an execution policy that records steps",
                  "run(place, is_training, may_record, batch, optimizer, forward, between, learn)",
                  !RecordsSteps<P> || names_run<P>);
HONE_POLICY_NEEDS(has_run, "an execution policy", "auto run(compute, batch)", RecordsSteps<P> || ExecutionPolicy<P>);

}  // namespace detail::execution_rules

template <>
struct SlotRequirements<slots::Execution>
    : detail::Requirements<detail::execution_rules::has_records_steps, detail::execution_rules::has_run_of_place,
                           detail::execution_rules::has_run> {};

}  // namespace hone
