// expect: hone: the trainer has more than one type with overrides. Keep one of them.
// SPDX-License-Identifier: Apache-2.0
/// Two types with overrides.
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

struct OwnBackward {
  void backward(auto&, auto&) {}
};
struct OwnZeroGrad {
  void zero_grad(auto&) {}
};

#ifdef FIXED
struct Own : OwnBackward, OwnZeroGrad {};
static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
#else
static_assert(hone::checked_compatibility<Model, Loss, Optimizer, OwnBackward, OwnZeroGrad>);
#endif
