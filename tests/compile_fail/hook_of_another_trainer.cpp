// expect: hone: unknown hook `on_train_batch_end`. Did you mean `on_train_step_end`?
// SPDX-License-Identifier: Apache-2.0
/// A hook name of another framework.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void on_train_step_end(const auto&) {}
#else
  void on_train_batch_end(const auto&) {}
#endif
};

hone::CallbackSet<Counter> callbacks;
