// expect: hone: the second argument is an optimizer: it has `step` and `zero_grad`. Pass the arguments in the order Model, Loss, Optimizer.
// SPDX-License-Identifier: Apache-2.0
/// Loss and optimizer in the wrong order.
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
static_assert(hone::checked_compatibility<Model, Optimizer, Loss>);
#endif
