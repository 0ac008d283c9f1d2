// expect: hone: this trainer has no callback of that name. Name one with hone::named<"name">(callback).
// SPDX-License-Identifier: Apache-2.0
/// `get` with a name that no callback has.
#include "hone/callbacks/named.hpp"

struct Count {
  int steps = 0;
  void on_train_step_end(const hone::TrainStepEnd&) { ++steps; }
};

void look() {
  hone::CallbackSet callbacks{hone::named<"head">(Count{}), Count{}};
#ifdef FIXED
  static_cast<void>(callbacks.get<"head">());
#else
  static_cast<void>(callbacks.get<"tail">());
#endif
}
