// expect: hone: weights in 16 bits need float32 master weights, which this optimizer does not support. Use a rule such as hone::AdamW, a hone::FusedOptimizer, or Bf16, which keeps the weights in float32.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A torch::optim optimizer, which would lose small changes of 16-bit weights.
#include "hone/core/compatibility.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/precision/pure.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, hone::FusedOptimizer<hone::Sgd>, hone::PureBf16>);
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::PureFp16>);
static_assert(hone::checked_compatibility<Model, Loss, torch::optim::AdamW, hone::Fp64>);
#else
static_assert(hone::checked_compatibility<Model, Loss, torch::optim::AdamW, hone::PureBf16>);
#endif
