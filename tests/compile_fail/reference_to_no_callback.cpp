// expect: hone: this callback has none of the hooks, so it would never run. They are listed in callbacks/hooks.hpp.
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
