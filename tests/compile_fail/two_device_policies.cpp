// expect: hone: the trainer has more than one device policy. Keep one of them.
// SPDX-License-Identifier: Apache-2.0
/// Two policies for the same slot.
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

struct Near {
  using slot = hone::slots::Device;
};
struct Far {
  using slot = hone::slots::Device;
};
struct Half {
  using slot = hone::slots::Precision;
};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Near, Half>);
#else
static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Near, Half, Far>);
#endif
