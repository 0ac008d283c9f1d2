// expect: hone: the precision of an ExportedModel is fixed at export. Remove the precision policy.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An exported model with a precision policy.
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
struct Half {
  using slot = hone::slots::Precision;
  static hone::NoScope region(c10::Device) { return {}; }
};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, hone::ExportedLoss, Optimizer, hone::Fp32>);
#else
static_assert(hone::checked_compatibility<Model, hone::ExportedLoss, Optimizer, Half>);
#endif
