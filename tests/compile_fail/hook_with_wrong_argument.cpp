// expect: hone: `on_train_step_end` cannot be called as `void on_train_step_end(const TrainStepEnd&)`.
// SPDX-License-Identifier: Apache-2.0
/// A hook whose parameter is the event of another hook.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void on_train_step_end(const hone::TrainStepEnd&) {}
#else
  void on_train_step_end(const hone::TrainEpochEnd&) {}
#endif
};

hone::CallbackSet<Counter> callbacks;
