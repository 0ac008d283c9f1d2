// expect: hone: weights in 16 bits hand their gradients over to the optimizer in each update, and this policy leaves them where they are. Leave KeepGradients out, or compute in Bf16 or Fp16.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The gradients do not stay with the weights.
#include "hone/core/composition.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/policies/gradients.hpp"
#include "hone/precision/mixed.hpp"
#include "hone/precision/pure.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};

#ifdef FIXED
static_assert(hone::checked_composition<Model, Loss, hone::Sgd, hone::KeepGradients, hone::Fp16>);
#else
static_assert(hone::checked_composition<Model, Loss, hone::Sgd, hone::KeepGradients, hone::PureBf16>);
#endif
