// expect: hone: unknown hook `onTrainEpochStart`. Did you mean `on_train_epoch_start`?
// SPDX-License-Identifier: Apache-2.0
/// A hook name in camel case, beside a correct hook.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void on_train_epoch_start(const hone::TrainEpochStart&) {}
#else
  void onTrainEpochStart(const hone::TrainEpochStart&) {}
#endif
  void on_init_end(const hone::InitEnd&) {}
};

hone::CallbackSet<Counter> callbacks;
