// expect: hone: unknown override `backward_step`. Did you mean `backward`?
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
  void zero_grad(auto&) {}
#ifdef FIXED
  void backward(auto&, auto&) {}
#else
  void backward_step(auto&, auto&) {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
