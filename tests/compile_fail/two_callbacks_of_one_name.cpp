// expect: hone: two callbacks have the same name. Rename one of them.
// SPDX-License-Identifier: Apache-2.0
/// Two callbacks with the same name.
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
  hone::CallbackSet callbacks{hone::named<"count">(Count{}), hone::named<"epochs">(CountEpochs{})};
#else
  hone::CallbackSet callbacks{hone::named<"count">(Count{}), hone::named<"count">(CountEpochs{})};
#endif
  return callbacks.get<"count">().steps;
}
