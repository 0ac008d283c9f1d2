// expect: hone: this callback has no hooks, so it would never be called. Add a hook that callbacks/hooks.hpp lists.
// SPDX-License-Identifier: Apache-2.0
/// A filter with a callback that has no hooks.
#include "hone/callbacks/filters.hpp"

struct Counter {
#ifdef FIXED
  void on_train_step_end(const hone::TrainStepEnd&) { ++count; }
#else
  void count_step() { ++count; }
#endif
  int count = 0;
};

hone::CallbackSet<decltype(hone::every<10>(Counter{}))>* callbacks;
