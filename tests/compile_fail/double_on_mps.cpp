// expect: hone: this number format is double, which Mps does not have. Leave it out, or take another device.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// What a device cannot hold is not asked of it.
#include "hone/core/composition.hpp"
#include "hone/devices/mps.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/precision/pure.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};

#ifdef FIXED
static_assert(hone::checked_composition<Model, Loss, hone::Sgd, hone::Mps<>, hone::PureBf16>);
#else
static_assert(hone::checked_composition<Model, Loss, hone::Sgd, hone::Mps<>, hone::Fp64>);
#endif
