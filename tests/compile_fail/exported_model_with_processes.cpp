// expect: hone: an ExportedModel trains in a single process. Remove the distribution policy.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An exported model with a distribution policy.
#include "hone/callbacks/callback_set.hpp"
#include "hone/core/compatibility.hpp"
#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/exported/exported_loss.hpp"

struct Model : hone::detail::ExportedRequirements {
  int forward(int inputs) { return inputs; }
};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, hone::ExportedLoss, Optimizer>);
#else
static_assert(hone::checked_compatibility<Model, hone::ExportedLoss, Optimizer, hone::Ddp<hone::Gloo> >);
#endif
