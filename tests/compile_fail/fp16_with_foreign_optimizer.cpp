// expect: hone: loss scaling needs an optimizer that skips a step if a gradient overflowed, and this optimizer has no `step(const hone::StepScaling&)`. Use a rule such as hone::AdamW, a hone::FusedOptimizer, or Bf16.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Fp16 with a torch::optim optimizer, which cannot skip a step without a host synchronization.
#include "hone/core/compatibility.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/precision/mixed.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, torch::optim::AdamW, hone::Bf16>);
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::Fp16>);
static_assert(hone::checked_compatibility<Model, Loss, hone::FusedOptimizer<hone::Sgd>, hone::Fp16>);
#else
static_assert(hone::checked_compatibility<Model, Loss, torch::optim::AdamW, hone::Fp16>);
#endif
