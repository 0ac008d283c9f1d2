// expect: hone: unknown hook `on_training_epoch_end`. Did you mean `on_train_epoch_end`?
// SPDX-License-Identifier: Apache-2.0
/// A synonym of a hook name, beside a correct hook.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void on_train_epoch_end(const hone::TrainEpochEnd&) {}
#else
  void on_training_epoch_end(const hone::TrainEpochEnd&) {}
#endif
  void on_init_end(const hone::InitEnd&) {}
};

hone::CallbackSet<Counter> callbacks;
