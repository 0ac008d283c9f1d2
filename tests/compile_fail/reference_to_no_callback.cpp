// expect: hone: this callback has no hooks, so it would never be called. Add a hook that callbacks/hooks.hpp lists.
// SPDX-License-Identifier: Apache-2.0
/// A reference to a callback without hooks.
#include <functional>

#include "hone/callbacks/callback_set.hpp"

struct Notebook {
#ifdef FIXED
  void on_train_step_end(const hone::TrainStepEnd&) { ++count; }
#endif
  int count = 0;
};

void take() {
  Notebook notebook;
  hone::CallbackReference<Notebook> reference{std::ref(notebook)};
}
