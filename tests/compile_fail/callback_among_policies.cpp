// expect: hone: this argument is not a policy: it has no member `slot`. In a schedule, for example, write `using slot = hone::slots::Schedule`. Pass callbacks to the constructor, or list their types in hone::Callbacks<...>.
// SPDX-License-Identifier: Apache-2.0
/// A callback among the template arguments of the trainer, without `hone::Callbacks`.
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

struct Counter {
  void on_train_step_end(const hone::TrainStepEnd&) {}
};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, Optimizer, hone::Callbacks<Counter>>);
#else
static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Counter>);
#endif
