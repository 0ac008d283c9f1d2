// expect: hone: LBFGS evaluates the loss several times in a step, which the trainer does not support. Use another optimizer.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An optimizer that needs a closure.
#include <torch/torch.h>

#include "hone/optim/torch_optimizer.hpp"

#ifdef FIXED
using Wrapped = hone::TorchOptimizer<torch::optim::SGD>;
#else
using Wrapped = hone::TorchOptimizer<torch::optim::LBFGS>;
#endif
static_assert(sizeof(Wrapped) > 0);
