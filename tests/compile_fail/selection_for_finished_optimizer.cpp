// expect: hone: this optimizer already has parameters, so `optimizer_for` cannot select them. Remove the second argument, or pass a rule such as hone::AdamW.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A constructed optimizer together with a selection of parameters.
#include <torch/torch.h>

#include "hone/optim/optimizers.hpp"
#include "hone/optim/sgd.hpp"

auto make(torch::nn::Linear model) {
#ifdef FIXED
  return hone::optimizer_for<"head">(hone::Sgd{}, model);
#else
  return hone::optimizer_for<"head">(hone::FusedOptimizer<hone::Sgd>(hone::named_parameters(model)), model);
#endif
}
