// expect: hone: unknown override `setup`. Use the override `training_run_start`.
// SPDX-License-Identifier: Apache-2.0
/// A hook name of Lightning's module, beside a correct override.
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
  void training_run_start(auto&) {}
#else
  void setup(auto&) {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
