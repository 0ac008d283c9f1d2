// expect: hone: the override `train_batch_loss` replaces one loss step, but hone::Losses has several. Remove the override.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// `hone::Losses` with an override of `train_batch_loss`, which would never be called.
#include "hone/core/compatibility.hpp"
#include "hone/optim/optimizers.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/step/losses.hpp"

struct Model {};
struct Step {};
struct Own {
#ifdef FIXED
  void optimizer_step(auto& trainer);
#else
  auto train_batch_loss(auto& trainer, auto& batch);
#endif
};
using Losses = decltype(hone::Losses{hone::loss_for<"actor">(Step{})});
using Optimizers = decltype(hone::Optimizers{hone::optimizer_for<"actor">(hone::Sgd{})});

static_assert(hone::checked_compatibility<Model, Losses, Optimizers, Own>);
