// expect: hone: hone::Optimizers needs at least one hone::optimizer_for<"name">(...).
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// `hone::Optimizers` without an optimizer.
#include "hone/optim/optimizers.hpp"
#include "hone/optim/sgd.hpp"

#ifdef FIXED
using Optimizers = decltype(hone::Optimizers{hone::optimizer_for<"all">(hone::Sgd{})});
#else
using Optimizers = hone::Optimizers<>;
#endif
static_assert(sizeof(Optimizers) > 0);
