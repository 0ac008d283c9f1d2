// expect: hone: KeepGradients leaves gradients where they are, and Zero, master weights and recorded steps hand them out anew in each update. Leave KeepGradients out, or those.
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
