// expect: hone: unknown override `optimizer_zero_grad`. Did you mean `zero_grad`?
// SPDX-License-Identifier: Apache-2.0
/// A near miss of an override's name, beside a correct override.
#include "hone/core/compatibility.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  void backward(auto&, auto&) {}
#ifdef FIXED
  void zero_grad(auto&) {}
#else
  void optimizer_zero_grad(auto&) {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
