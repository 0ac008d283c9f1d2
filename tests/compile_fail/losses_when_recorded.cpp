// expect: hone: StepCapture captures a step with one loss and one update, but hone::Losses has several losses. Remove StepCapture.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// `hone::Losses` with StepCapture, which records one update per step.
#include "hone/core/compatibility.hpp"
#include "hone/optim/optimizers.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/step/losses.hpp"

struct Model {};
struct Step {};
struct Recorded {
  using slot = hone::slots::Execution;
  static auto run(auto&& compute, auto& batch) { return compute(batch); }
#ifndef FIXED
  static constexpr bool captures_steps = true;
#endif
};
using Losses = decltype(hone::Losses{hone::loss_for<"actor">(Step{})});
using Optimizers = decltype(hone::Optimizers{hone::optimizer_for<"actor">(hone::Sgd{})});

static_assert(hone::checked_compatibility<Model, Losses, Optimizers, Recorded>);
