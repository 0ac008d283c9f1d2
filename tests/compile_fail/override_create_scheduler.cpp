// expect: hone: unknown override `create_scheduler`. Pass a schedule such as hone::CosineLr to the constructor.
// SPDX-License-Identifier: Apache-2.0
/// A member function of another framework that does not correspond to an override.
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
#ifndef FIXED
  int create_scheduler() { return 0; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
