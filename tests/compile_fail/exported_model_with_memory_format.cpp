// expect: hone: the memory format of an ExportedModel is fixed at export. Remove the memory format policy.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An exported model with a memory format policy.
#include "hone/callbacks/callback_set.hpp"
#include "hone/core/compatibility.hpp"
#include "hone/exported/exported_loss.hpp"
#include "hone/policies/memory_format.hpp"

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
static_assert(hone::checked_compatibility<Model, hone::ExportedLoss, Optimizer, hone::ChannelsLast>);
#endif
