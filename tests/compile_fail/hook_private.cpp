// expect: hone: `on_train_step_end` cannot be called as `void on_train_step_end(const TrainStepEnd&)`.
// SPDX-License-Identifier: Apache-2.0
/// A private hook.
#include "hone/callbacks/callback_set.hpp"

class Counter {
#ifdef FIXED
 public:
#endif
  void on_train_step_end(const hone::TrainStepEnd&) {}
};

hone::CallbackSet<Counter> callbacks;
