// expect: hone: unknown override `calculate_train_batch_loss`. Did you mean `train_batch_loss`?
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
  int train_batch_loss(auto&, auto&) { return 0; }
#else
  int calculate_train_batch_loss(auto&, auto&) { return 0; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
