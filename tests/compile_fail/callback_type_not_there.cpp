// expect: hone: this trainer has no callback of that type.
// SPDX-License-Identifier: Apache-2.0
/// `get` with a type that the trainer's callbacks do not include.
#include "hone/callbacks/named.hpp"

struct Count {
  int steps = 0;
  void on_train_step_end(const hone::TrainStepEnd&) { ++steps; }
};
struct CountEpochs {
  int epochs = 0;
  void on_train_epoch_end(const hone::TrainEpochEnd&) { ++epochs; }
};

int count() {
#ifdef FIXED
  hone::CallbackSet callbacks{Count{}, CountEpochs{}};
#else
  hone::CallbackSet callbacks{Count{}};
#endif
  return callbacks.get<CountEpochs>().epochs;
}
