// SPDX-License-Identifier: Apache-2.0
/// The processes that train together.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `SingleProcess` | the default: this process alone | none |
#pragma once

#include <ATen/core/Tensor.h>

#include <type_traits>

#include "hone/core/policy.hpp"

namespace hone {

/// Says who trains.
template <class P>
concept DistributedPolicy = PolicyFor<P, slots::Distribution> && requires(const P& processes) {
  { processes.rank() } -> std::convertible_to<int>;
  { processes.world_size() } -> std::convertible_to<int>;
};

/// Optional ability: gradients are averaged over the processes. `prepare` is told the parameters once; the other two
/// surround each backward pass and hear whether an update follows it (only then must gradients agree).
template <class P>
concept ReducesGradients = DistributedPolicy<P> && requires(P& processes, at::TensorList parameters, bool update_follows) {
  processes.prepare(parameters);
  processes.before_forward(update_follows);
  processes.after_backward(update_follows);
};

/// Optional ability: numbers are summed over the processes; every process gets the sums.
template <class P>
concept SumsOverProcesses = DistributedPolicy<P> && requires(P& processes, at::Tensor values) { processes.all_reduce_sum(values); };

/// This process alone: nothing is exchanged.
struct SingleProcess {
  using slot = slots::Distribution;
  [[nodiscard]] static constexpr int rank() { return 0; }
  [[nodiscard]] static constexpr int world_size() { return 1; }
};
static_assert(DistributedPolicy<SingleProcess> && !ReducesGradients<SingleProcess> && std::is_empty_v<SingleProcess>);

}  // namespace hone
