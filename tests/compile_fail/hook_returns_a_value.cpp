// expect: hone: `on_train_step_end` cannot be called as `void on_train_step_end(const TrainStepEnd&)`.
// SPDX-License-Identifier: Apache-2.0
/// A hook that returns a value.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void on_train_step_end(const hone::TrainStepEnd& event) { event.run.request_stop("seen enough"); }
#else
  bool on_train_step_end(const hone::TrainStepEnd&) { return false; }
#endif
};

hone::CallbackSet<Counter> callbacks;
