// expect: hone: with weights in 16 bits, hone's own optimizers work on float32 copies of them, and this is another one. Use a rule such as hone::AdamW or a hone::FusedOptimizer, or Bf16, which leaves the weights float32.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An optimizer of torch::optim would lose small changes in weights of 16 bits.
#include "hone/core/composition.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/precision/pure.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};

#ifdef FIXED
static_assert(hone::checked_composition<Model, Loss, hone::FusedOptimizer<hone::Sgd>, hone::PureBf16>);
static_assert(hone::checked_composition<Model, Loss, hone::Sgd, hone::PureFp16>);
static_assert(hone::checked_composition<Model, Loss, torch::optim::AdamW, hone::Fp64>);
#else
static_assert(hone::checked_composition<Model, Loss, torch::optim::AdamW, hone::PureBf16>);
#endif
