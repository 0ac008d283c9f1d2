// expect: hone: unknown hook `on_sanity_check_start`. A sanity evaluation has no events.
// SPDX-License-Identifier: Apache-2.0
/// A hook name of Lightning that does not correspond to a hook.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void on_eval_epoch_start(const auto&) {}
#else
  void on_sanity_check_start(const auto&) {}
#endif
  void on_train_epoch_end(const hone::TrainEpochEnd&) {}
};

hone::CallbackSet<Counter> callbacks;
