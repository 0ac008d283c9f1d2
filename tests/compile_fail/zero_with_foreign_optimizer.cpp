// expect: hone: Zero can shard only one optimizer, and only a rule or a hone::FusedOptimizer. Use a rule such as hone::AdamW, or use Ddp.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Zero with an optimizer whose state hone cannot shard.
#include "hone/core/compatibility.hpp"
#include "hone/distributed/zero_requirements.hpp"
#include "hone/optim/sgd.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Foreign {
  void step() {}
  void zero_grad() {}
};
struct Zero : hone::detail::ZeroRequirements<1> {
  using slot = hone::slots::Distribution;
  static int rank() { return 0; }
  static int world_size() { return 2; }
};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, Zero>);
static_assert(hone::checked_compatibility<Model, Loss, hone::FusedOptimizer<hone::Sgd>, Zero>);
#else
static_assert(hone::checked_compatibility<Model, Loss, Foreign, Zero>);
#endif
