// expect: hone: unknown override `validation_epoch_start`. Did you mean `eval_epoch_start`?
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
  void eval_epoch_start(auto&) {}
#else
  void validation_epoch_start(auto&) {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
