// expect: hone: the override `train_batch_loss` cannot be called as `train_batch_loss(trainer, batch)`.
// SPDX-License-Identifier: Apache-2.0
/// An override without the trainer as its first parameter.
#include "hone/core/overrides.hpp"

struct Trainer {};
struct Batch {};
struct Own {
#ifdef FIXED
  int train_batch_loss(auto&, Batch&) { return 0; }
#else
  int train_batch_loss(Batch&) { return 0; }
#endif
};

static_assert(hone::checked_override<hone::overrides::train_batch_loss, Own, Trainer, Batch>);
