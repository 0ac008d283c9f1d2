// expect: hone: unknown hook `teardown`. Use `on_training_run_end`, `on_evaluation_run_end` or `on_predict_run_end`, and after an error `on_exception`.
// SPDX-License-Identifier: Apache-2.0
/// A hook name of Lightning that differs from hone's, beside a correct hook.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void on_training_run_end(const auto&) {}
#else
  void teardown(const auto&) {}
#endif
  void on_train_epoch_end(const hone::TrainEpochEnd&) {}
};

hone::CallbackSet<Counter> callbacks;
