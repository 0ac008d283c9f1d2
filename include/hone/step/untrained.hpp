// SPDX-License-Identifier: Apache-2.0
/// Parameters that require a gradient and that nothing trains.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <unordered_set>
#include <vector>

#include "hone/callbacks/console.hpp"
#include "hone/core/sentence.hpp"
#include "hone/optim/parameter_group.hpp"

namespace hone {

/// The names of those parameters that require a gradient and that `optimizer` does not hold.
template <class Optimizer>
[[nodiscard]] std::vector<std::string> untrained_parameters(const NamedParameters& trained,
                                                            const Optimizer& optimizer) {
  std::vector<std::string> names;
  std::unordered_set<const at::TensorImpl*> held;
  const auto& parameters = optimizer.parameters();
  for (const at::Tensor& parameter : parameters) held.insert(parameter.unsafeGetTensorImpl());
  for (const auto& [name, parameter] : trained) {
    if (parameter.requires_grad() && !held.contains(parameter.unsafeGetTensorImpl())) names.push_back(name);
  }
  return names;
}

/// Prints a warning about such parameters; returns whether there were any.
///
/// **Cost** a look at all parameters: not for each step.
template <class Optimizer>
bool warn_of_untrained_parameters(const NamedParameters& trained, const Optimizer& optimizer,
                                  std::FILE* output = stderr) {
  const auto names = untrained_parameters(trained, optimizer);
  if (names.empty()) return false;
  detail::put(output,
              sentence("hone: no optimizer holds {}, which {} a gradient: {} not trained, and gradients add up. "
                       "Give the optimizer all parameters that are to be trained (a FusedOptimizer: add_group), "
                       "or freeze the others with set_requires_grad(false).\n",
                       {detail::parameter_names(names), names.size() == 1 ? "requires" : "require",
                        names.size() == 1 ? "it is" : "they are"}));
  return true;
}

}  // namespace hone
