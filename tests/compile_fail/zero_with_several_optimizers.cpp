// expect: hone: Zero can shard only one optimizer, and only a rule or a hone::FusedOptimizer. Use a rule such as hone::AdamW, or use Ddp.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Zero with several optimizers.
#include "hone/core/compatibility.hpp"
#include "hone/distributed/zero_requirements.hpp"
#include "hone/optim/optimizers.hpp"
#include "hone/optim/sgd.hpp"

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
using Optimizer = hone::Sgd;
#else
using Optimizer =
    decltype(hone::Optimizers{hone::optimizer_for<"first">(hone::Sgd{}), hone::optimizer_for<"second">(hone::Sgd{})});
#endif

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Zero>);
