// expect: hone: GradAccum needs at least 1 batch per update, or hone::dynamic.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// `GradAccum<0>`: an update needs at least one batch.
#include "hone/policies/accumulation.hpp"

#ifdef FIXED
static_assert(hone::GradAccum<1>::num_batches_per_update() == 1);
#else
static_assert(hone::GradAccum<0>::num_batches_per_update() == 0);
#endif
