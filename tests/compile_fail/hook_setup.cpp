// expect: hone: unknown hook `setup`. Use `on_training_run_start`, `on_evaluation_run_start` or `on_predict_run_start`.
// SPDX-License-Identifier: Apache-2.0
/// A hook name of Lightning that differs from hone's, beside a correct hook.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void on_training_run_start(const auto&) {}
#else
  void setup(const auto&) {}
#endif
  void on_train_epoch_end(const hone::TrainEpochEnd&) {}
};

hone::CallbackSet<Counter> callbacks;
