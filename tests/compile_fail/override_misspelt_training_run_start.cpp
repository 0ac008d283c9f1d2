// expect: hone: unknown override `train_run_start`. Did you mean `training_run_start`?
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
  void training_run_start(auto&) {}
#else
  void train_run_start(auto&) {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
