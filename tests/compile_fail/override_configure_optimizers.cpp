// expect: hone: unknown override `configure_optimizers`. Pass the optimizer to the constructor: hone::Trainer{model, loss, optimizer}.
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
  int configure_optimizers() { return 0; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
