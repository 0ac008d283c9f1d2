// expect: hone: this callback has no hooks, so it would never be called. Add a hook that callbacks/hooks.hpp lists.
// SPDX-License-Identifier: Apache-2.0
/// A callback without hooks.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void on_train_step_end(const hone::TrainStepEnd&) { ++count; }
#else
  void count_step() { ++count; }
#endif
  int count = 0;
};

hone::CallbackSet<Counter> callbacks;
