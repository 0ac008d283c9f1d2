// SPDX-License-Identifier: Apache-2.0
/// Whether a step runs as it is written, or was recorded once and is replayed.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `Eager` | the default: the step is a function call | none |
#pragma once

#include <type_traits>
#include <utility>

#include "hone/core/policy.hpp"

namespace hone {

/// Runs the arithmetic of a step, `compute(batch)`: forward, loss, backward and, when it is due, the update.
template <class P>
concept ExecutionPolicy = PolicyFor<P, slots::Execution> && requires(P& execution, int& batch, int (*compute)(int&)) {
  { execution.run(compute, batch) } -> std::same_as<int>;
};

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
