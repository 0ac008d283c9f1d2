// expect: hone: the name of a callback is a template argument. Write hone::named<"name">(callback).
// SPDX-License-Identifier: Apache-2.0
/// A callback that is named with `named("name", ...)`, the form for metrics.
#include "hone/callbacks/named.hpp"

struct Count {
  int steps = 0;
  void on_train_step_end(const hone::TrainStepEnd&) { ++steps; }
};

int count() {
#ifdef FIXED
  auto callback = hone::named<"count">(Count{});
  return callback.callback().steps;
#else
  auto callback = hone::named("count", Count{});
  return callback.steps;
#endif
}
