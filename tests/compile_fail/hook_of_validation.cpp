// expect: hone: unknown hook `on_validation_step_end`. Did you mean `on_eval_step_end`?
// SPDX-License-Identifier: Apache-2.0
/// A synonym of a hook name, beside a correct hook.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void on_eval_step_end(const hone::EvalStepEnd&) {}
#else
  void on_validation_step_end(const hone::EvalStepEnd&) {}
#endif
  void on_init_end(const hone::InitEnd&) {}
};

hone::CallbackSet<Counter> callbacks;
