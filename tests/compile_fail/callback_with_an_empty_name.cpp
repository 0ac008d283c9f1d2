// expect: hone: the name of a callback is empty. Write hone::named<"name">(callback).
// SPDX-License-Identifier: Apache-2.0
/// A callback with an empty name.
#include "hone/callbacks/named.hpp"

struct Count {
  void on_train_step_end(const hone::TrainStepEnd&) {}
};

#ifdef FIXED
static_assert(sizeof(hone::NamedCallback<"count", Count>) > 0);
#else
static_assert(sizeof(hone::NamedCallback<"", Count>) > 0);
#endif
