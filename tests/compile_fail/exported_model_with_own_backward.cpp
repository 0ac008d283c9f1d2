// expect: hone: an ExportedModel computes loss and gradients in one call. Remove the override.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An exported model with an override of `backward`.
#include "hone/callbacks/callback_set.hpp"
#include "hone/core/compatibility.hpp"
#include "hone/exported/exported_loss.hpp"

struct Model : hone::detail::ExportedRequirements {
  int forward(int inputs) { return inputs; }
};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct OwnStep {
#ifdef FIXED
  void zero_grad(auto&) {}
#else
  void backward(auto&, const auto&) {}
#endif
};

static_assert(hone::checked_compatibility<Model, hone::ExportedLoss, Optimizer, OwnStep>);
