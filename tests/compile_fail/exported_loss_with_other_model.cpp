// expect: hone: ExportedLoss is the loss of an ExportedModel, and this model is not an ExportedModel. Pass its loss.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// ExportedLoss with a model that is not exported.
#include "hone/callbacks/callback_set.hpp"
#include "hone/core/compatibility.hpp"
#include "hone/exported/exported_loss.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, Optimizer>);
#else
static_assert(hone::checked_compatibility<Model, hone::ExportedLoss, Optimizer>);
#endif
