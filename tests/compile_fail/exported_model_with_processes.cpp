// expect: hone: an ExportedModel trains in one process. Leave the distribution policy out.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The gradients of an exported step do not pass through backward.
#include "hone/callbacks/callback_set.hpp"
#include "hone/core/composition.hpp"
#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/exported/exported_loss.hpp"

struct Model : hone::detail::ExportedCompany {
  int forward(int inputs) { return inputs; }
};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};

#ifdef FIXED
static_assert(hone::checked_composition<Model, hone::ExportedLoss, Optimizer>);
#else
static_assert(hone::checked_composition<Model, hone::ExportedLoss, Optimizer, hone::Ddp<hone::Gloo> >);
#endif
