// expect: hone: the third argument is not an optimizer: it has no members `step` and `zero_grad`. Pass hone::Sgd, hone::AdamW or an optimizer of torch::optim, in the order Model, Loss, Optimizer.
// SPDX-License-Identifier: Apache-2.0
/// A learning rate in place of the optimizer.
#include "hone/callbacks/callback_set.hpp"
#include "hone/core/compatibility.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, Optimizer>);
#else
static_assert(hone::checked_compatibility<Model, Loss, double>);
#endif
