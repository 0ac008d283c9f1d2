// expect: hone: this filter does not forward the batch limit that this callback sets. Pass the callback to the trainer without the filter.
// SPDX-License-Identifier: Apache-2.0
/// A filter with a callback that limits batches.
#include "hone/callbacks/filters.hpp"
#include "hone/callbacks/limit_batches.hpp"

#ifdef FIXED
hone::CallbackSet callbacks{hone::LimitBatches{.num_batches = 3}};
#else
hone::CallbackSet callbacks{hone::rank_zero(hone::LimitBatches{.num_batches = 3})};
#endif
