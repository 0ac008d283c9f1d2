// SPDX-License-Identifier: Apache-2.0
/// Detection of parameters that require a gradient but are in no optimizer.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <unordered_set>
#include <vector>

#include "hone/callbacks/console.hpp"
#include "hone/core/format_message.hpp"
#include "hone/optim/parameter_group.hpp"

namespace hone {

/// Returns the names of the parameters that require a gradient but are not in `optimizer`.
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

/// Prints a warning about such parameters. Returns true if there are any.
///
/// **Cost** linear in the number of parameters: not for each step.
template <class Optimizer>
bool warn_of_untrained_parameters(const NamedParameters& trained, const Optimizer& optimizer,
                                  std::FILE* output = stderr) {
  const auto names = untrained_parameters(trained, optimizer);
  if (names.empty()) return false;
  detail::put(output, format_message("hone: no optimizer has {}, which {} a gradient: {} not trained, and gradients "
                                     "accumulate. Pass all trainable parameters to the optimizer (FusedOptimizer: "
                                     "add_group), or freeze the remaining ones with set_requires_grad(false).\n",
                                     {detail::parameter_names(names), names.size() == 1 ? "requires" : "require",
                                      names.size() == 1 ? "it is" : "they are"}));
  return true;
}

}  // namespace hone
