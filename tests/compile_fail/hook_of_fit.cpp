// expect: hone: unknown hook `on_fit_begin`. Did you mean `on_training_run_start`?
// SPDX-License-Identifier: Apache-2.0
/// A synonym of a hook name, beside a correct hook.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void on_training_run_start(const hone::TrainingRunStart&) {}
#else
  void on_fit_begin(const hone::TrainingRunStart&) {}
#endif
  void on_init_end(const hone::InitEnd&) {}
};

hone::CallbackSet<Counter> callbacks;
