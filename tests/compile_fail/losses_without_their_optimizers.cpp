// expect: hone: the losses of hone::Losses and the optimizers must have the same names. Pass hone::Optimizers{hone::optimizer_for<"name">(...), ...} with one optimizer for each loss.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Two losses, one of which has no optimizer of its name.
#include "hone/core/compatibility.hpp"
#include "hone/optim/optimizers.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/step/losses.hpp"

struct Model {};
struct Step {};
using Losses = decltype(hone::Losses{hone::loss_for<"critic">(Step{}), hone::loss_for<"actor">(Step{})});
#ifdef FIXED
using Optimizers =
    decltype(hone::Optimizers{hone::optimizer_for<"actor">(hone::Sgd{}), hone::optimizer_for<"critic">(hone::Sgd{})});
#else
using Optimizers =
    decltype(hone::Optimizers{hone::optimizer_for<"actor">(hone::Sgd{}), hone::optimizer_for<"critics">(hone::Sgd{})});
#endif

static_assert(hone::checked_compatibility<Model, Losses, Optimizers>);
