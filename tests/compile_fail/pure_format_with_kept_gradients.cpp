// expect: hone: KeepGradients keeps gradients in place, and Zero, master weights and CUDA graph capture replace them in each update. Remove KeepGradients or the other policy.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// KeepGradients with master weights, whose gradients are separate from the weights.
#include "hone/core/compatibility.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/policies/gradients.hpp"
#include "hone/precision/mixed.hpp"
#include "hone/precision/pure.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::KeepGradients, hone::Fp16>);
#else
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::KeepGradients, hone::PureBf16>);
#endif
