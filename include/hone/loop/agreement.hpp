// SPDX-License-Identifier: Apache-2.0
/// What processes that train together must decide alike, or one would wait for another that has left.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>

#include "hone/policies/distribution.hpp"

namespace hone {

/// True in every process when `here` is true in at least one.
///
/// **Cost** nothing for one process; else one sum over the processes.
template <DistributedPolicy Processes>
[[nodiscard]] bool is_true_anywhere(Processes& processes, bool here) {
  if constexpr (SumsOverProcesses<Processes>) {
    auto count = at::full({1}, here ? 1.0 : 0.0, at::kDouble);
    processes.all_reduce_sum(count);
    return count.template item<double>() > 0.0;
  } else {
    return here;
  }
}

}  // namespace hone
