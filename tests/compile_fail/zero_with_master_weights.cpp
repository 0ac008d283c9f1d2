// expect: hone: Zero shards an optimizer that updates the model's weights, and with this precision policy it updates master weights. Use Bf16 or Fp16 with Zero, or use Ddp.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Zero with master weights, which are not sharded.
#include "hone/core/compatibility.hpp"
#include "hone/distributed/zero_requirements.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/precision/mixed.hpp"
#include "hone/precision/pure.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Zero : hone::detail::ZeroRequirements<1> {
  using slot = hone::slots::Distribution;
  static int rank() { return 0; }
  static int world_size() { return 2; }
};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, Zero, hone::Fp16>);
#else
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, Zero, hone::PureBf16>);
#endif
