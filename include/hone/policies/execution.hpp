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

namespace hone {

/// Runs the arithmetic of a step, `compute(batch)`: forward, loss, backward and, when it is due, the update.
template <class P>
concept ExecutionPolicy = PolicyFor<P, slots::Execution> && requires(P& execution, int& batch, int (*compute)(int&)) {
  { execution.run(compute, batch) } -> std::same_as<int>;
};

/// Where a batch stands in its accumulation window. What the device does for it depends on nothing else of the host's.
struct WindowPlace {
  bool begins = true;   ///< No gradient is there yet.
  bool updates = true;  ///< The optimizer's update follows.
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

}  // namespace hone
