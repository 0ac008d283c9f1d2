// expect: hone: Mps does not support double precision. Use another precision policy or another device.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Fp64 on a device that has no double.
#include "hone/core/compatibility.hpp"
#include "hone/devices/mps.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/precision/pure.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::Mps<>, hone::PureBf16>);
#else
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, hone::Mps<>, hone::Fp64>);
#endif
