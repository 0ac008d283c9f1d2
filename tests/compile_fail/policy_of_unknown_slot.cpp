// expect: hone: the member `slot` of this policy is not a slot of the trainer. Write `using slot = hone::slots::Device;`, or use another slot of hone/core/slots.hpp.
// SPDX-License-Identifier: Apache-2.0
/// A policy for a slot that the trainer does not have.
#include "hone/core/compatibility.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Speed {};
struct Own {
#ifdef FIXED
  using slot = hone::slots::Threads;
#else
  using slot = Speed;
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
