// expect: hone: KeepGradients keeps gradients in place, and Zero, master weights and CUDA graph capture replace them in each update. Remove KeepGradients or the other policy.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// KeepGradients with StepCapture, whose gradients are in separate memory.
#include "hone/core/compatibility.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/policies/gradients.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Recorded {
  using slot = hone::slots::Execution;
  static auto run(auto&& compute, auto& batch) { return compute(batch); }
#ifndef FIXED
  static constexpr bool captures_steps = true;
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::KeepGradients, Recorded>);
