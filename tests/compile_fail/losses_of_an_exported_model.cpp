// expect: hone: this model computes its own loss and gradients, so it does not support hone::Losses. Train it with its own loss.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// `hone::Losses` with an exported model, which contains its loss.
#include "hone/core/compatibility.hpp"
#include "hone/optim/optimizers.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/step/losses.hpp"

struct Model {
#ifndef FIXED
  void hand_over_gradients(double share) { static_cast<void>(share); }
#endif
};
struct Step {};
using Losses = decltype(hone::Losses{hone::loss_for<"actor">(Step{})});
using Optimizers = decltype(hone::Optimizers{hone::optimizer_for<"actor">(hone::Sgd{})});

static_assert(hone::checked_compatibility<Model, Losses, Optimizers>);
