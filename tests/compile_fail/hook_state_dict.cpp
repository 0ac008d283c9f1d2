// expect: hone: unknown hook `state_dict`. Add `void serialize(auto& archive)` to the callback, or add to a checkpoint in `on_save_checkpoint`.
// SPDX-License-Identifier: Apache-2.0
/// The state of a callback as in Lightning.
#include "hone/callbacks/callback_set.hpp"

struct Counter {
#ifdef FIXED
  void serialize(auto& archive) { archive("epochs", epochs); }
#else
  [[nodiscard]] int state_dict() const { return epochs; }
#endif
  void on_train_epoch_end(const hone::TrainEpochEnd&) { ++epochs; }
  int epochs = 0;
};

hone::CallbackSet<Counter> callbacks;
