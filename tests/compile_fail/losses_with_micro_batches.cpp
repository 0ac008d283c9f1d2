// expect: hone: MicroBatches splits a step with one loss, but hone::Losses has several losses. Remove MicroBatches, or use GradAccum with smaller batches.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// `hone::Losses` with MicroBatches, which splits a batch for one loss.
#include "hone/core/compatibility.hpp"
#include "hone/memory/micro_batches.hpp"
#include "hone/optim/optimizers.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/policies/accumulation.hpp"
#include "hone/step/losses.hpp"

struct Model {};
struct Step {};
using Losses = decltype(hone::Losses{hone::loss_for<"actor">(Step{})});
using Optimizers = decltype(hone::Optimizers{hone::optimizer_for<"actor">(hone::Sgd{})});

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Losses, Optimizers, hone::GradAccum<4>>);
#else
static_assert(hone::checked_compatibility<Model, Losses, Optimizers, hone::MicroBatches>);
#endif
