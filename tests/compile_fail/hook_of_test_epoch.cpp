// expect: hone: unknown hook `on_test_epoch_begin`. Did you mean `on_eval_epoch_start`?
// SPDX-License-Identifier: Apache-2.0
/// A synonym of a hook name, beside a correct hook.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void on_eval_epoch_start(const hone::EvalEpochStart&) {}
#else
  void on_test_epoch_begin(const hone::EvalEpochStart&) {}
#endif
  void on_init_end(const hone::InitEnd&) {}
};

hone::CallbackSet<Counter> callbacks;
