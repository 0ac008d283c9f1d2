// expect: hone: unknown hook `on_train_epoch_strat`. Did you mean `on_train_epoch_start`?
// SPDX-License-Identifier: Apache-2.0
/// A hook name with two transposed letters.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void on_train_epoch_start(const hone::TrainEpochStart&) {}
#else
  void on_train_epoch_strat(const hone::TrainEpochStart&) {}
#endif
  void on_train_epoch_end(const hone::TrainEpochEnd&) {}
};

hone::CallbackSet<Counter> callbacks;
