// expect: hone: MicroBatches repeats a step when memory runs out, which CUDA graph capture does not support. Remove MicroBatches or StepCapture.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// MicroBatches with StepCapture, whose recording cannot be split.
#include "hone/core/compatibility.hpp"
#include "hone/memory/micro_batches.hpp"
#include "hone/optim/sgd.hpp"

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

static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::MicroBatches, Recorded>);
